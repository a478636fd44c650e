if Code.ensure_loaded?(Req) do
  defmodule GrocerySidecar.Transport.ReqTest do
    use ExUnit.Case, async: true

    import GrocerySidecar.ScriptedServer

    alias GrocerySidecar.Error
    alias GrocerySidecar.Transport.Req, as: Transport

    @overloaded ~s({"code": "overloaded", "error": "Try again.", "retryable": true})
    @busy "HTTP/1.1 503 Busy\r\nretry-after: 0\r\n" <>
            "content-length: #{byte_size(@overloaded)}\r\n\r\n" <> @overloaded

    defp stubbed do
      GrocerySidecar.new(
        base_url: "http://sidecar.test",
        tenant_id: "household-7",
        token: "secret",
        retries: 0,
        transport: {Transport, plug: {Req.Test, __MODULE__}}
      )
    end

    test "an application tests through Req.Test" do
      Req.Test.stub(__MODULE__, fn conn ->
        assert {"POST", "/api/v1/categorize"} = {conn.method, conn.request_path}
        assert ["household-7"] = Plug.Conn.get_req_header(conn, "x-tenant-id")
        assert ["Bearer secret"] = Plug.Conn.get_req_header(conn, "authorization")
        {:ok, body, conn} = Plug.Conn.read_body(conn)
        assert %{"payload" => %{"item_name" => "milk"}} = Jason.decode!(body)
        Req.Test.json(conn, %{payload: %{category: "Dairy"}})
      end)

      assert %{"payload" => %{"category" => "Dairy"}} =
               GrocerySidecar.categorize!(stubbed(), "milk", ["Dairy"])
    end

    test "statuses, missing connections and silence are the client's own errors" do
      Req.Test.stub(__MODULE__, fn conn ->
        conn
        |> Plug.Conn.put_resp_header("retry-after", "3")
        |> Plug.Conn.put_status(503)
        |> Req.Test.json(%{code: "overloaded", error: "Try again."})
      end)

      assert {:error, %Error{kind: :unavailable, code: "overloaded", retry_after: 3}} =
               GrocerySidecar.health(stubbed())

      Req.Test.stub(__MODULE__, &Req.Test.transport_error(&1, :econnrefused))
      assert {:error, %Error{code: "no_connection"}} = GrocerySidecar.health(stubbed())
      Req.Test.stub(__MODULE__, &Req.Test.transport_error(&1, :timeout))
      assert {:error, %Error{code: "no_answer"}} = GrocerySidecar.health(stubbed())
    end

    test "a stream through Req.Test arrives" do
      Req.Test.stub(__MODULE__, fn conn ->
        Plug.Conn.send_resp(conn, 200, "data: {\"n\": 1}\n\ndata: {\"n\": 2}\n\ndata: [DONE]\n\n")
      end)

      assert [%{"n" => 1}, %{"n" => 2}] =
               Enum.to_list(GrocerySidecar.OpenAI.stream_chat!(stubbed(), []))
    end

    test "over a socket, the client's retries are the only ones" do
      sidecar = answering([@busy, body("{}"), @busy], transport: Transport)
      assert {:ok, %{}} = GrocerySidecar.health(sidecar)

      assert {:error, %Error{code: "overloaded"}} =
               GrocerySidecar.categorize(sidecar, "milk", ["Dairy"])

      assert length(heard()) == 3
    end

    test "over a socket, a stream arrives piece by piece, and leaves other messages alone" do
      send(self(), :other)
      events = for n <- 1..2, do: ~s(data: {"n": #{n}}\n\n)
      open = String.replace_suffix(stream(events), "0\r\n\r\n", "")
      sidecar = answering([open, stream(events ++ ["data: [DONE]\n\n"])], transport: Transport)
      assert [%{"n" => 1}] = sidecar |> GrocerySidecar.OpenAI.stream_chat!([]) |> Enum.take(1)
      assert_receive :closed
      assert [_, _] = Enum.to_list(GrocerySidecar.OpenAI.stream_chat!(sidecar, []))
      assert_received :other
    end

    test "over a socket, a stream that breaks off or falls silent is an error" do
      open = String.replace_suffix(stream([~s(data: {"n": 1}\n\n)]), "0\r\n\r\n", "")
      sidecar = answering([open, :never], transport: Transport, timeout: 100, retries: 0)

      for _ <- 1..2 do
        stream = GrocerySidecar.OpenAI.stream_chat!(sidecar, [])
        assert %Error{code: "no_answer"} = catch_error(Enum.to_list(stream))
      end
    end

    test "a page of another server is a protocol error" do
      page = "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 4\r\n\r\n<h1>"
      garbage = "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"
      sidecar = answering([page, garbage], transport: Transport)
      assert {:error, %Error{kind: :protocol, code: "http_302"}} = GrocerySidecar.health(sidecar)
      assert {:error, %Error{kind: :protocol, code: "not_http"}} = GrocerySidecar.health(sidecar)
    end
  end
end
