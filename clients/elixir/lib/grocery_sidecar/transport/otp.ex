defmodule GrocerySidecar.Transport.Otp do
  @moduledoc """
  HTTP/1.1 over OTP's sockets, which parse it: one connection a call, read as fast as the caller
  consumes it. Not `:httpc`, which silently repeats a request after a 503 with Retry-After, POSTs too
  (before OTP 28 nothing turns that off).
  """

  @behaviour GrocerySidecar.Transport

  alias GrocerySidecar.{Error, Request, Response}

  @connect_timeout_ms 5_000
  @piece 65_536
  @longest_line 65_536

  @impl true
  def open(%Request{} = request, _options) do
    {:ok, _} = Application.ensure_all_started(:ssl)
    uri = URI.parse(request.url)
    left = time_left(request)

    with {:ok, connection} <- connect(uri, request.tls, left) do
      connection = Map.put(connection, :left, left)

      with :ok <- connection.transport.send(connection.socket, sent(uri, request)),
           {:ok, status} <- status_line(connection),
           {:ok, headers} <- headers(connection, %{}),
           {:ok, framing} <- framing(status, headers) do
        {:ok, %Response{status: status, headers: headers, body: body(connection, framing)}}
      else
        {:error, reason} ->
          close(connection)
          {:error, failed(reason)}
      end
    else
      {:error, reason} -> {:error, failed(reason)}
    end
  end

  defp time_left(%Request{stream?: true, timeout: timeout}), do: fn -> timeout end

  defp time_left(%Request{timeout: timeout}) do
    until = now() + timeout
    fn -> max(until - now(), 0) end
  end

  ## The connection

  # A name that has no IPv4 address has an IPv6 one.
  defp connect(uri, tls, left) do
    with {:error, :nxdomain} <- connect(uri, :inet, tls, left),
         {:error, :nxdomain} <- connect(uri, :inet6, tls, left),
         do: {:error, Error.unreachable(:nxdomain)}
  end

  defp connect(uri, family, tls, left) do
    {transport, tls} =
      if uri.scheme == "https", do: {:ssl, verified(uri.host, tls)}, else: {:gen_tcp, []}

    kind = [
      :binary,
      family,
      active: false,
      nodelay: true,
      packet: :http_bin,
      packet_size: @longest_line
    ]

    patience = min(left.(), @connect_timeout_ms)

    case transport.connect(to_charlist(uri.host), uri.port, kind ++ tls, patience) do
      {:ok, socket} -> {:ok, %{transport: transport, socket: socket}}
      {:error, :nxdomain} -> {:error, :nxdomain}
      {:error, reason} -> {:error, Error.unreachable(reason)}
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
    body = request.body || ""
    length = if request.body, do: [{"content-length", "#{byte_size(body)}"}], else: []
    fixed = [{"host", uri.authority}, {"accept", "*/*"}, {"connection", "close"}]
    lines = for {name, value} <- fixed ++ length ++ request.headers, do: "#{name}: #{value}\r\n"
    path = (uri.path || "/") <> if(uri.query, do: "?" <> uri.query, else: "")
    [request.method, " ", path, " HTTP/1.1\r\n", lines, "\r\n", body]
  end

  defp status_line(connection) do
    case receive_from(connection, 0) do
      {:ok, {:http_response, _, status, _}} when status < 200 ->
        with {:ok, _} <- headers(connection, %{}) do
          packets(connection, :http_bin)
          status_line(connection)
        end

      {:ok, {:http_response, _, status, _}} ->
        {:ok, status}

      other ->
        strange(other)
    end
  end

  defp headers(connection, seen) do
    case receive_from(connection, 0) do
      {:ok, {:http_header, _, name, _, value}} ->
        headers(connection, Map.put(seen, name |> to_string() |> String.downcase(), value))

      {:ok, :http_eoh} ->
        {:ok, seen}

      other ->
        strange(other)
    end
  end

  defp strange({:ok, heard}), do: {:error, Error.not_http(heard)}
  defp strange({:error, reason}), do: {:error, reason}

  ## The body

  defp framing(204, _), do: {:ok, :done}
  defp framing(_, %{"transfer-encoding" => "chunked"}), do: {:ok, :chunk}

  defp framing(_, %{"content-length" => length}) do
    case Integer.parse(length) do
      {size, ""} when size >= 0 -> {:ok, {:sized, size, :done}}
      _ -> {:error, Error.not_http("content-length: " <> length)}
    end
  end

  defp framing(_, _), do: {:ok, :until_closed}

  defp body(connection, framing) do
    Stream.resource(
      fn -> framing end,
      fn state ->
        case next(connection, state) do
          {:error, reason} -> raise failed(reason)
          step -> step
        end
      end,
      fn _ -> close(connection) end
    )
  end

  defp next(_, :done), do: {:halt, :done}
  defp next(_, {:sized, 0, then}), do: {[], then}

  defp next(connection, {:sized, size, then}) do
    packets(connection, :raw)

    with {:ok, piece} <- receive_from(connection, min(size, @piece)),
         do: {[piece], {:sized, size - byte_size(piece), then}}
  end

  defp next(connection, :chunk) do
    packets(connection, :line)

    with {:ok, line} <- receive_from(connection, 0) do
      case Integer.parse(line, 16) do
        {0, _} -> {:halt, :done}
        {size, _} when size > 0 -> {[], {:sized, size, :chunk_end}}
        _ -> {:error, Error.not_http(line)}
      end
    end
  end

  defp next(connection, :chunk_end) do
    packets(connection, :raw)

    case receive_from(connection, 2) do
      {:ok, "\r\n"} -> {[], :chunk}
      other -> strange(other)
    end
  end

  defp next(connection, :until_closed) do
    packets(connection, :raw)

    case receive_from(connection, 0) do
      {:ok, piece} -> {[piece], :until_closed}
      {:error, :closed} -> {:halt, :done}
      error -> error
    end
  end

  defp receive_from(%{transport: transport, socket: socket, left: left}, size),
    do: transport.recv(socket, size, left.())

  # What fails here fails at the next read.
  defp packets(%{transport: :gen_tcp, socket: socket}, kind) do
    _ = :inet.setopts(socket, packet: kind)
    :ok
  end

  defp packets(%{transport: :ssl, socket: socket}, kind) do
    _ = :ssl.setopts(socket, packet: kind)
    :ok
  end

  defp close(%{transport: transport, socket: socket}), do: transport.close(socket)

  defp failed(%Error{} = error), do: error
  defp failed(reason), do: Error.no_answer(reason)

  defp now, do: System.monotonic_time(:millisecond)
end
