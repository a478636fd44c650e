defmodule GrocerySidecar.ScriptedServer do
  @moduledoc "A socket that sends scripted responses, and each request to the test."

  @ok "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

  # Starts a server that sends these responses, one per request, and each request to the test
  # process; after the last response it stays silent. Returns a client of it.
  def answering(answers, options \\ []) do
    {:ok, socket} = :gen_tcp.listen(0, [:binary, active: false, ip: {127, 0, 0, 1}])
    answering(answers, socket, "127.0.0.1", options)
  end

  def answering(answers, socket, host, options) do
    {:ok, port} = :inet.port(socket)
    test = self()
    {:ok, script} = Agent.start_link(fn -> answers end)
    spawn_link(fn -> accept(socket, script, test) end)

    [base_url: "http://#{host}:#{port}/", tenant_id: "elixir", json: Json]
    |> Keyword.merge(options)
    |> GrocerySidecar.new()
  end

  defp accept(socket, script, test) do
    with {:ok, connection} <- :gen_tcp.accept(socket) do
      server = spawn_link(fn -> serve(connection, script, test, "") end)
      :gen_tcp.controlling_process(connection, server)
      accept(socket, script, test)
    end
  end

  defp serve(connection, script, test, heard) do
    case :gen_tcp.recv(connection, 0) do
      {:ok, bytes} ->
        request = heard <> bytes

        if whole?(request) do
          send(test, {:heard, request})
          next = Agent.get_and_update(script, &{List.first(&1), Enum.drop(&1, 1)})
          if is_binary(next), do: :gen_tcp.send(connection, next)
          serve(connection, script, test, "")
        else
          serve(connection, script, test, request)
        end

      {:error, :closed} ->
        send(test, :closed)
    end
  end

  defp whole?(request) do
    with [head, body] <- String.split(request, "\r\n\r\n", parts: 2) do
      length = Regex.run(~r/content-length: (\d+)/i, head, capture: :all_but_first) || ["0"]
      byte_size(body) >= String.to_integer(hd(length))
    else
      _ -> false
    end
  end

  def heard do
    receive do
      {:heard, request} -> [request | heard()]
    after
      0 -> []
    end
  end

  def body(text), do: @ok <> "content-length: #{byte_size(text)}\r\n\r\n" <> text

  def stream(pieces) do
    chunks =
      for piece <- pieces ++ [""],
          do: "#{Integer.to_string(byte_size(piece), 16)}\r\n#{piece}\r\n"

    @ok <> "transfer-encoding: chunked\r\n\r\n" <> Enum.join(chunks)
  end
end
