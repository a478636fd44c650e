for file <- ~w(sidecar receipt_worker job_live webhook_controller),
    do: Code.require_file("../examples/#{file}.ex", __DIR__)

defmodule MyApp.Photos do
  @moduledoc "What the application of the examples has."
  def read!("7"), do: "photo"
end

defmodule MyApp.Receipts do
  @moduledoc false
  def store!(photo_id, receipt), do: send(self(), {:stored, photo_id, receipt.merchant})
  def refuse!(photo_id, sentence), do: send(self(), {:refused, photo_id, sentence})

  def handle_webhook(event) do
    send(self(), {:webhook, event})
    :ok
  end
end

defmodule GrocerySidecar.ExamplesTest do
  use ExUnit.Case, async: false

  import Plug.Test, only: [conn: 3]

  alias GrocerySidecar.Transport.Memory

  @secret "whsec_" <> Base.encode64(:binary.copy("k", 32))
  @job %{"id" => "job_1", "feature" => "receipt_extraction", "status" => "succeeded"}
  @done Map.put(@job, "output_payload", %{"merchant" => "GREEN VALLEY MARKET"})

  defp configure(answer) do
    Application.put_env(:my_app, MyApp.Sidecar,
      base_url: "http://sidecar.test",
      json: Json,
      retries: 0,
      transport: {Memory, answer: answer},
      webhook_secrets: [@secret]
    )
  end

  defp perform do
    args = %{"tenant_id" => "household-7", "photo_id" => "7"}
    MyApp.ReceiptWorker.perform(%Oban.Job{args: args})
  end

  describe "the Oban worker" do
    test "stores what was read, by a job that the photo names" do
      configure(fn request ->
        if request.method == "POST", do: send(self(), {:submitted, Memory.json(request)})
        {200, @done}
      end)

      assert :ok = perform()
      assert_received {:submitted, %{"request_id" => "photo-7", "tenant_id" => "household-7"}}
      assert_received {:stored, "7", "GREEN VALLEY MARKET"}
    end

    test "cancels what can never work, and tells why" do
      configure(fn _ -> {400, %{"code" => "invalid_image", "error" => "It is damaged."}} end)
      assert {:cancel, "It is damaged."} = perform()
      assert_received {:refused, "7", "It is damaged."}
    end

    test "comes back when the service asks for it, and after other faults" do
      configure(fn _ ->
        {503, %{"retry-after" => "7"}, %{"code" => "overloaded", "error" => "-"}}
      end)

      assert {:snooze, 7} = perform()
      configure(fn _ -> {:error, GrocerySidecar.Error.unreachable(:econnrefused)} end)
      assert {:error, %GrocerySidecar.Error{kind: :unavailable}} = perform()
    end
  end

  describe "the LiveView" do
    setup do
      start_supervised!({Task.Supervisor, name: MyApp.Tasks})
      :ok
    end

    defp mount do
      socket = %Phoenix.LiveView.Socket{assigns: %{current_tenant_id: "household-7"}}
      {:ok, socket} = MyAppWeb.JobLive.mount(%{"id" => "job_1"}, %{}, socket)
      socket
    end

    defp settle(%{task: {:follow, %Task{ref: ref}}} = socket) do
      receive do
        {:job, _} = message ->
          {:noreply, socket} = MyAppWeb.JobLive.handle_info(message, socket)
          settle(socket)

        {^ref, job} ->
          Process.demonitor(ref, [:flush])
          {:noreply, socket} = MyAppWeb.JobLive.handle_async(:follow, {:ok, job}, socket)
          socket

        {:DOWN, ^ref, _, _, reason} ->
          {:noreply, socket} = MyAppWeb.JobLive.handle_async(:follow, {:exit, reason}, socket)
          socket
      end
    end

    test "shows the job's changes, and its receipt at the end" do
      event =
        &"id: #{&1}\ndata: {\"status\": \"#{&2}\", \"progress\": #{&3}, \"final\": #{&4}}\n\n"

      configure(fn request ->
        if String.ends_with?(request.path, "/events"),
          do: {200, %{}, [event.(1, "running", 0.5, false), event.(2, "succeeded", 1, true)]},
          else: {200, @done}
      end)

      socket = settle(mount())
      assert %{status: :succeeded, progress: 1, error: nil, receipt: receipt} = socket.assigns
      assert receipt.merchant == "GREEN VALLEY MARKET"
    end

    @tag :capture_log
    test "shows why the job can't be followed" do
      configure(fn _ -> {404, %{"code" => "not_found", "error" => "Not found."}} end)
      assert %{error: "Not found.", receipt: nil} = settle(mount()).assigns
    end
  end

  describe "the webhook controller" do
    defp call(body, secret) do
      now = System.system_time(:second)
      "whsec_" <> text = secret
      content = "job_1.3.#{now}.#{body}"
      digest = :crypto.mac(:hmac, :sha256, Base.decode64!(text), content)

      conn =
        [
          {"webhook-id", "job_1.3"},
          {"webhook-timestamp", "#{now}"},
          {"webhook-signature", "v1," <> Base.encode64(digest)}
        ]
        |> Enum.reduce(conn(:post, "/webhooks/sidecar", body), fn {name, value}, conn ->
          Plug.Conn.put_req_header(conn, name, value)
        end)

      {:ok, ^body, conn} = MyAppWeb.RawBody.read_body(conn, [])
      MyAppWeb.WebhookController.create(conn, %{})
    end

    test "takes the service's calls alone" do
      configure(fn _ -> flunk("sent") end)
      body = ~s({"type": "job.succeeded", "data": {"job_id": "job_1"}})
      assert %{status: 204} = call(body, @secret)
      assert_received {:webhook, %{id: "job_1.3", data: %{"job_id" => "job_1"}}}

      assert %{status: 401} = call(body, "whsec_" <> Base.encode64(:binary.copy("x", 32)))

      assert %{status: 401} =
               MyAppWeb.WebhookController.create(conn(:post, "/webhooks/x", ""), %{})

      refute_received {:webhook, _}
    end

    test "leaves other bodies as they are" do
      {:ok, "x", conn} = MyAppWeb.RawBody.read_body(conn(:post, "/", "x"), [])
      assert conn.assigns == %{}
    end
  end
end
