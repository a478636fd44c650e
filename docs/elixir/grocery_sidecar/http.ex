defmodule GrocerySidecar.Http do
  @moduledoc false
  # HTTP/1.1 over OTP's sockets, which parse it: one connection a call, read as fast as the caller
  # consumes it. Not :httpc, which silently repeats a request after a 503 with Retry-After, POSTs too
  # (before OTP 28 nothing turns that off).

  alias GrocerySidecar.Error

  @connect_timeout_ms 5_000
  @first_pause_ms 200
  @piece 65_536
  @longest_line 65_536

  @type request :: %{
          required(:method) => String.t(),
          required(:path) => String.t(),
          required(:headers) => [{String.t(), String.t()}],
          required(:timeout) => pos_integer(),
          required(:retries) => non_neg_integer(),
          optional(:body) => iodata()
        }
  @type headers :: %{String.t() => String.t()}

  @doc false
  @spec request(GrocerySidecar.t(), request()) ::
          {:ok, {headers(), binary()}} | {:error, Error.t()}
  def request(client, request), do: attempt(client, request, request.retries, @first_pause_ms)

  defp attempt(client, request, retries, pause) do
    until = now() + request.timeout

    answer = exchange(client, request, fn -> max(until - now(), 0) end, [], &{:cont, [&2 | &1]})

    with {:error, error} when retries > 0 <- answer,
         true <- Error.retryable?(error) do
      Process.sleep(if error.retry_after, do: error.retry_after * 1000, else: pause)
      attempt(client, request, retries - 1, pause * 2)
    else
      _ -> with {:ok, {_, headers, body}} <- answer, do: {:ok, {headers, gathered(body)}}
    end
  end

  # Calls `fun` with the accumulator and each piece of the body; `{:halt, acc}` closes the connection.
  # Returns `:none` for an answer without a body (204). The timeout starts anew for each piece.
  @doc false
  @spec reduce(GrocerySidecar.t(), request(), acc, (acc, binary() -> {:cont | :halt, acc})) ::
          {:ok, acc} | {:none, acc} | {:error, Error.t()}
        when acc: term()
  def reduce(client, request, acc, fun) do
    case exchange(client, request, fn -> request.timeout end, acc, fun) do
      {:ok, {200, _, acc}} -> {:ok, acc}
      {:ok, {204, _, acc}} -> {:none, acc}
      {:error, error} -> {:error, error}
    end
  end

  defp exchange(client, request, left, acc, fun) do
    started = now()
    answer = connected(client, request, left, acc, fun)

    client.on_response.(%{
      method: request.method,
      path: request.path,
      status: status(answer),
      duration_ms: now() - started
    })

    with {:error, %Error{request_id: nil} = error} <- answer do
      {:error, %{error | request_id: request.headers |> Map.new() |> Map.get("x-request-id")}}
    end
  end

  defp status({:ok, {status, _, _}}), do: status
  defp status({:error, error}), do: error.status

  defp connected(client, request, left, acc, fun) do
    uri = URI.parse(client.base_url)

    with {:ok, connection} <- connect(uri, client.tls, left) do
      try do
        with :ok <- connection.transport.send(connection.socket, sent(uri, request)),
             {:ok, status} <- status_line(connection, left),
             {:ok, headers} <- headers(connection, left, %{}),
             do: answered(client, connection, left, status, headers, acc, fun)
      after
        connection.transport.close(connection.socket)
      end
    end
    |> case do
      {:error, %Error{} = error} -> {:error, error}
      {:error, reason} -> {:error, unanswered(reason)}
      answer -> answer
    end
  end

  defp answered(_, connection, left, 200, headers, acc, fun) do
    with {:ok, acc} <- body(connection, left, headers, acc, fun), do: {:ok, {200, headers, acc}}
  end

  defp answered(_, _, _, 204, headers, acc, _), do: {:ok, {204, headers, acc}}

  defp answered(client, connection, left, status, headers, _, _) do
    with {:ok, pieces} <- body(connection, left, headers, [], &{:cont, [&2 | &1]}) do
      body = gathered(pieces)

      details =
        case client.json.decode(body) do
          {:ok, decoded} -> decoded
          {:error, _} -> body
        end

      {:error, Error.from_answer(status, headers, details)}
    end
  end

  ## The connection

  # A name that has no IPv4 address has an IPv6 one.
  defp connect(uri, tls, left) do
    with {:error, :nxdomain} <- connect(uri, :inet, tls, left),
         do: connect(uri, :inet6, tls, left)
  end

  defp connect(uri, family, tls, left) do
    {transport, tls} =
      if uri.scheme == "https", do: {:ssl, verified(uri.host, tls)}, else: {:gen_tcp, []}

    options =
      [
        :binary,
        family,
        active: false,
        nodelay: true,
        packet: :http_bin,
        packet_size: @longest_line
      ] ++
        tls

    case transport.connect(
           to_charlist(uri.host),
           uri.port,
           options,
           min(left.(), @connect_timeout_ms)
         ) do
      {:ok, socket} -> {:ok, %{transport: transport, socket: socket}}
      {:error, :nxdomain} -> {:error, :nxdomain}
      {:error, reason} -> {:error, unreached(reason)}
    end
  end

  defp verified(host, tls) do
    believed = if tls[:cacertfile], do: [], else: [cacerts: :public_key.cacerts_get()]

    [
      verify: :verify_peer,
      server_name_indication: to_charlist(host),
      customize_hostname_check: [match_fun: :public_key.pkix_verify_hostname_match_fun(:https)]
    ]
    |> Keyword.merge(believed)
    |> Keyword.merge(tls)
  end

  defp sent(uri, request) do
    body = IO.iodata_to_binary(request[:body] || "")

    about =
      if request[:body],
        do: [{"content-type", "application/json"}, {"content-length", "#{byte_size(body)}"}],
        else: []

    fixed = [{"host", uri.authority}, {"accept", "*/*"}, {"connection", "close"}]
    lines = for {name, value} <- fixed ++ about ++ request.headers, do: "#{name}: #{value}\r\n"
    path = (uri.path || "") <> request.path
    [request.method, " ", path, " HTTP/1.1\r\n", lines, "\r\n", body]
  end

  defp status_line(connection, left) do
    case receive_from(connection, 0, left) do
      {:ok, {:http_response, _, status, _}} when status < 200 ->
        with {:ok, _} <- headers(connection, left, %{}) do
          packets(connection, :http_bin)
          status_line(connection, left)
        end

      {:ok, {:http_response, _, status, _}} ->
        {:ok, status}

      other ->
        strange(other)
    end
  end

  defp headers(connection, left, seen) do
    case receive_from(connection, 0, left) do
      {:ok, {:http_header, _, name, _, value}} ->
        headers(connection, left, Map.put(seen, name |> to_string() |> String.downcase(), value))

      {:ok, :http_eoh} ->
        {:ok, seen}

      other ->
        strange(other)
    end
  end

  defp strange({:ok, heard}), do: {:error, not_http(heard)}
  defp strange(error), do: error

  ## The body

  defp body(connection, left, %{"transfer-encoding" => "chunked"}, acc, fun),
    do: chunked(connection, left, acc, fun)

  defp body(connection, left, %{"content-length" => length}, acc, fun) do
    with {size, ""} <- Integer.parse(length),
         :ok <- packets(connection, :raw),
         {next, acc} when next in [:cont, :halt] <- sized(connection, left, size, acc, fun) do
      {:ok, acc}
    else
      {:error, reason} -> {:error, reason}
      _ -> {:error, not_http("content-length: " <> length)}
    end
  end

  defp body(connection, left, _, acc, fun) do
    packets(connection, :raw)
    until_closed(connection, left, acc, fun)
  end

  defp chunked(connection, left, acc, fun) do
    packets(connection, :line)

    with {:ok, line} <- receive_from(connection, 0, left),
         {size, _} when size > 0 <- Integer.parse(line, 16),
         :ok <- packets(connection, :raw),
         {:cont, acc} <- sized(connection, left, size, acc, fun),
         {:ok, "\r\n"} <- receive_from(connection, 2, left) do
      chunked(connection, left, acc, fun)
    else
      {0, _} -> {:ok, acc}
      {:halt, acc} -> {:ok, acc}
      {:error, reason} -> {:error, reason}
      other -> {:error, not_http(other)}
    end
  end

  defp sized(_, _, 0, acc, _), do: {:cont, acc}

  defp sized(connection, left, size, acc, fun) do
    with {:ok, piece} <- receive_from(connection, min(size, @piece), left),
         {:cont, acc} <- fun.(acc, piece),
         do: sized(connection, left, size - byte_size(piece), acc, fun)
  end

  defp until_closed(connection, left, acc, fun) do
    with {:ok, piece} <- receive_from(connection, 0, left),
         {:cont, acc} <- fun.(acc, piece) do
      until_closed(connection, left, acc, fun)
    else
      {:halt, acc} -> {:ok, acc}
      {:error, :closed} -> {:ok, acc}
      error -> error
    end
  end

  defp receive_from(%{transport: transport, socket: socket}, size, left),
    do: transport.recv(socket, size, left.())

  defp packets(%{transport: :gen_tcp, socket: socket}, kind),
    do: :inet.setopts(socket, packet: kind)

  defp packets(%{transport: :ssl, socket: socket}, kind), do: :ssl.setopts(socket, packet: kind)

  defp gathered(pieces), do: pieces |> Enum.reverse() |> IO.iodata_to_binary()

  ## What went wrong without an answer

  defp unreached(:timeout), do: unreached("no connection in time")

  defp unreached(reason) do
    message = "The service can't be reached."
    %Error{kind: :unavailable, code: "no_connection", message: message, details: reason}
  end

  defp unanswered(:nxdomain), do: unreached(:nxdomain)

  defp unanswered(reason) do
    message = "The service did not answer in time, or hung up."
    %Error{kind: :transient, code: "no_answer", message: message, details: reason}
  end

  defp not_http(heard) do
    message = "What answers there does not speak HTTP."
    %Error{kind: :protocol, code: "not_http", message: message, details: heard}
  end

  defp now, do: System.monotonic_time(:millisecond)
end
