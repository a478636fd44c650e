# The receiver of docs/webhooks.md, with the client's stand-ins of Plug and Jason: receiver.ex and
# call.json, a call of the service, are in FOLDER.

ExUnit.start()

"FOLDER" |> System.fetch_env!() |> Path.join("receiver.ex") |> Code.require_file()

defmodule WebhookTest do
  use ExUnit.Case

  @call "FOLDER"
        |> System.fetch_env!()
        |> Path.join("call.json")
        |> File.read!()
        |> Json.decode!()

  defp conn(changes \\ %{}) do
    headers = Map.to_list(Map.merge(@call["headers"], Map.get(changes, :headers, %{})))

    %Plug.Conn{
      method: "POST",
      request_path: Map.get(changes, :path, "/webhooks/sidecar"),
      body: Map.get(changes, :body, @call["body"]),
      req_headers: headers
    }
  end

  defp receive_call(conn, secrets \\ @call["secrets"]) do
    test = self()

    handle = fn id, event ->
      send(test, {id, event})
      :ok
    end

    options = [path: "/webhooks/sidecar", secrets: fn -> secrets end, handle: handle]
    SidecarWebhook.call(conn, SidecarWebhook.init(options))
  end

  test "the service's call is handled" do
    assert %{status: 204, halted: true} = receive_call(conn())
    id = @call["headers"]["webhook-id"]
    assert_received {^id, %{"type" => "webhook.ping", "data" => %{"tenant_id" => "acceptance"}}}
  end

  test "one of several secrets is enough" do
    other = "whsec_" <> Base.encode64(:binary.copy("x", 32))
    assert %{status: 204} = receive_call(conn(), [other | @call["secrets"]])
    assert %{status: 401} = receive_call(conn(), [other])
  end

  test "a changed body, id or time is refused" do
    for changes <- [
          %{body: @call["body"] <> " "},
          %{headers: %{"webhook-id" => "ping_other"}},
          %{headers: %{"webhook-timestamp" => "1"}},
          %{headers: %{"webhook-timestamp" => "soon"}},
          %{headers: %{"webhook-signature" => "v1,AAAA v2,%"}}
        ] do
      assert %{status: 401, halted: true} = receive_call(conn(changes))
    end

    refute_received _
  end

  test "a call is refused once it is five minutes old" do
    now = String.to_integer(@call["headers"]["webhook-timestamp"])
    verify = &SidecarWebhook.verify(conn(), @call["body"], @call["secrets"], &1)
    assert {:ok, _} = verify.(now + 300)
    assert :error = verify.(now + 301)
    assert :error = verify.(now - 301)
  end

  test "other paths pass" do
    assert %{status: nil, halted: false} = receive_call(conn(%{path: "/"}))
  end

  test "the client verifies it too" do
    verify = &GrocerySidecar.verify_webhook(&1, @call["headers"], @call["secrets"])

    assert {:ok, %{type: "webhook.ping", data: %{"tenant_id" => "acceptance"}}} =
             verify.(@call["body"])

    assert {:error, :bad_signature} = verify.(@call["body"] <> " ")
  end
end
