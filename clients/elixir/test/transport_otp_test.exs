defmodule GrocerySidecar.Transport.OtpTest do
  @moduledoc "The client of a service that is busy, missing or broken: a socket with scripted answers."

  use ExUnit.Case, async: true

  import GrocerySidecar.ScriptedServer

  alias GrocerySidecar.{Error, Job}
  alias GrocerySidecar.Job.Event

  @overloaded ~s({"code": "overloaded", "error": "Try again.", "retryable": true})
  @busy "HTTP/1.1 503 Busy\r\nretry-after: 0\r\n" <>
          "content-length: #{byte_size(@overloaded)}\r\n\r\n" <> @overloaded

  test "a read is retried while the service is busy, and a write is sent once" do
    sidecar = answering([@busy, @busy, body("{}"), @busy])
    assert {:ok, %{}} = GrocerySidecar.health(sidecar)

    assert {:error, %Error{kind: :unavailable, code: "overloaded", retry_after: 0}} =
             GrocerySidecar.categorize(sidecar, "milk", ["Dairy"])

    assert length(heard()) == 4
  end

  test "a job's submission is retried with the same request id" do
    sidecar = answering([@busy, body(~s({"id": "job_1"}))])
    assert {:ok, %Job{id: "job_1"}} = GrocerySidecar.submit_job(sidecar, "meal_optimization", %{})
    assert [first, second] = heard()
    assert first == second
    assert first =~ ~r/"request_id":"req_[0-9a-f]{32}"/
  end

  test "an await continues while the service is busy, and ends with the job" do
    failed = ~s({"id": "job_1", "status": "failed", "request_id": "r", "retryable": true,
      "error_code": "timeout", "error_message": "Too slow."})

    sidecar = answering([body(~s({"id": "job_1", "status": "running"})), @busy, body(failed)])

    assert {:error, %Error{kind: :transient, code: "timeout", message: "Too slow."}} =
             GrocerySidecar.await_job(sidecar, "job_1")
  end

  test "each call sends tenant, token, trace and request id" do
    sidecar = %{
      answering([body(~s({"jobs": [], "total": 0}))])
      | token: "secret",
        headers: [{"x-stub", "1"}]
    }

    options = [tenant_id: "t", traceparent: "00-1-2-01", request_id: "r-1", limit: 5]
    assert {:ok, %{total: 0}} = GrocerySidecar.list_jobs(sidecar, options)
    [request] = heard()
    assert request =~ "GET /api/v1/jobs?limit=5 HTTP/1.1"

    for header <- [
          "x-tenant-id: t",
          "authorization: Bearer secret",
          "traceparent: 00-1-2-01",
          "x-request-id: r-1",
          "x-stub: 1"
        ],
        do: assert(String.contains?(request, header <> "\r\n"))
  end

  test "a refused connection is unavailable, no response is transient, and neither raises" do
    sidecar = answering([])
    silent = %{sidecar | timeout: 50, retries: 0}

    assert {:error, %Error{kind: :transient, code: "no_answer", request_id: "r-2"}} =
             GrocerySidecar.health(silent, request_id: "r-2")

    assert %Error{kind: :transient, code: "no_answer"} = raised(silent)

    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    away = %{sidecar | base_url: "http://127.0.0.1:#{port}", retries: 0}
    assert {:error, %Error{kind: :unavailable} = error} = GrocerySidecar.health(away)
    assert Error.retryable?(error)
  end

  test "an IPv6 address works" do
    {:ok, socket} =
      :gen_tcp.listen(0, [:inet6, :binary, active: false, ip: {0, 0, 0, 0, 0, 0, 0, 1}])

    sidecar = answering([body("{}")], socket, "[::1]", [])
    assert {:ok, %{}} = GrocerySidecar.health(sidecar)
    assert [request] = heard()
    assert request =~ "host: [::1]:"
  end

  test "TLS connects to a verified server alone" do
    {:ok, _} = Application.ensure_all_started(:ssl)
    key = [digest: :sha256, key: {:namedCurve, :secp256r1}]
    chain = %{root: key, intermediates: [], peer: key}
    made = :public_key.pkix_test_data(%{server_chain: chain, client_chain: chain})
    options = [:binary, active: false, ip: {127, 0, 0, 1}, reuseaddr: true, log_level: :none]
    {:ok, socket} = :ssl.listen(0, options ++ Keyword.take(made.server_config, [:cert, :key]))
    {:ok, {_, port}} = :ssl.sockname(socket)

    spawn_link(fn ->
      for _ <- 1..2, {:ok, begun} <- [:ssl.transport_accept(socket)] do
        with {:ok, connection} <- :ssl.handshake(begun) do
          {:ok, _} = :ssl.recv(connection, 0)
          :ok = :ssl.send(connection, stream(["{}"]))
        end
      end
    end)

    {:ok, name} = :inet.gethostname()
    believed = [cacerts: made.client_config[:cacerts], server_name_indication: name]
    options = [base_url: "https://127.0.0.1:#{port}", json: Json, retries: 0]

    stranger = GrocerySidecar.new([tls: [log_level: :none]] ++ options)
    assert {:error, %Error{kind: :unavailable}} = GrocerySidecar.health(stranger)

    assert {:ok, %{}} = GrocerySidecar.health(GrocerySidecar.new([tls: believed] ++ options))
  end

  test "a response that is not the service's own is a protocol error" do
    strange = "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"
    page = "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 4\r\n\r\n<h1>"
    sidecar = answering([body("<html>"), page, strange, "SSH-2.0\r\n"])
    assert {:error, %Error{kind: :protocol, code: "not_json"}} = GrocerySidecar.health(sidecar)
    assert {:error, %Error{kind: :protocol, code: "http_302"}} = GrocerySidecar.health(sidecar)
    assert {:error, %Error{kind: :protocol, code: "not_http"}} = GrocerySidecar.health(sidecar)
    assert {:error, %Error{kind: :protocol, code: "not_http"}} = GrocerySidecar.health(sidecar)
  end

  test "a stream is reassembled from arbitrary chunks" do
    sidecar =
      answering([
        stream(["data: {\"n\"", ": 1}\n", "\ndata: {\"n\": 2}\n\ndata: [DO", "NE]\n\n"])
      ])

    assert [%{"n" => 1}, %{"n" => 2}] =
             Enum.to_list(GrocerySidecar.OpenAI.stream_chat!(sidecar, []))
  end

  test "a stream that ends with an error returns that error" do
    error = ~s(data: {"error": {"code": "timeout", "message": "Too long.", "type": "x"}}\n\n)
    sidecar = answering([stream([~s(data: {"n": 1}\n\n), error, "data: [DONE]\n\n"])])

    assert %Error{kind: :transient, code: "timeout", message: "Too long."} = raised(sidecar)
  end

  test "a watch that the service ends early resumes after the last event" do
    event = &"id: #{&1}\ndata: {\"final\": #{&2}, \"version\": #{&1}}\n\n"
    sidecar = answering([stream([event.(1, false), ": waiting\n\n"]), stream([event.(2, true)])])
    events = Enum.to_list(GrocerySidecar.watch_job!(sidecar, "job_1"))
    assert [%Event{version: 1, final?: false}, %Event{version: 2, final?: true}] = events
    [first, second] = heard()
    assert first =~ "last-event-id: 0"
    assert second =~ "last-event-id: 1"
  end

  test "a watch goes on when nothing changed meanwhile, and ends when there is no more" do
    no_content = "HTTP/1.1 204 No Content\r\n\r\n"
    sidecar = answering([stream([": waiting\n\n"]), no_content])
    assert [] = Enum.to_list(GrocerySidecar.watch_job!(sidecar, "job_1", last_event_id: 3))
    assert [first, second] = heard()
    assert first =~ "last-event-id: 3" and second =~ "last-event-id: 3"
  end

  test "a truncated stream is an error" do
    cut = String.replace_suffix(stream([~s(data: {"n": 1}\n\n)]), "0\r\n\r\n", "ff\r\n")
    sidecar = %{answering([cut]) | timeout: 100}

    assert %Error{kind: :transient, code: "no_answer"} = raised(sidecar)
  end

  test "a stream that is halted or suspended closes its connection" do
    chunk = ~s(data: {"n": 1}\n\n)
    open = String.replace_suffix(stream([chunk, chunk]), "0\r\n\r\n", "")
    sidecar = answering([open, open])
    assert [%{"n" => 1}] = Enum.take(GrocerySidecar.OpenAI.stream_chat!(sidecar, []), 1)
    assert [{%{"n" => 1}, :a}] = Enum.zip(GrocerySidecar.OpenAI.stream_chat!(sidecar, []), [:a])
    assert_receive :closed
    assert_receive :closed
  end

  test "a fast call does not wait behind a slow one" do
    sidecar = answering([body("{}"), :never, body("{}")])
    assert {:ok, _} = GrocerySidecar.health(sidecar)
    slow = Task.async(fn -> GrocerySidecar.health(%{sidecar | timeout: 5_000, retries: 0}) end)
    assert_receive {:heard, _}
    assert_receive {:heard, _}
    assert {:ok, _} = GrocerySidecar.health(%{sidecar | timeout: 2_000, retries: 0})
    Task.shutdown(slow)
  end

  defp raised(sidecar) do
    catch_error(sidecar |> GrocerySidecar.OpenAI.stream_chat!([]) |> Enum.to_list())
  end
end
