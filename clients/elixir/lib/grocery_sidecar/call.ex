defmodule GrocerySidecar.Call do
  @moduledoc false
  # Sends requests through the client's transport: retries, decoding, streams, telemetry.

  alias GrocerySidecar.{Error, Events, Observation, Request, Response}

  @first_pause_ms 200

  @typep unit :: term()

  # The decoded answer.
  @spec json(GrocerySidecar.t(), Request.t()) :: {:ok, map()} | {:error, Error.t()}
  def json(client, request) do
    with {:ok, %Response{body: body}} <- whole(client, request),
         {:error, _} <- client.json.decode(body),
         do: {:error, Error.not_json(body)}
  end

  # The answer with its body as one binary.
  @spec whole(GrocerySidecar.t(), Request.t()) :: {:ok, Response.t()} | {:error, Error.t()}
  def whole(client, request) do
    attempt(request, request.retries, @first_pause_ms, fn ->
      observation = Observation.start(client, request)

      Observation.guard(observation, fn ->
        result = with {:ok, response} <- opened(client, request), do: gathered(response)
        Observation.stop(observation, result)
        result
      end)
    end)
  end

  # The body as a lazy stream of units; opened when it is enumerated, and raises errors then.
  @spec stream(GrocerySidecar.t(), Request.t(), (binary(), binary() -> {[unit], binary()})) ::
          Enumerable.t()
  def stream(client, request, cut) do
    request = %{request | stream?: true}

    [:open]
    |> Stream.flat_map(fn :open -> pieces(client, request) end)
    |> Stream.transform("", fn
      :no_content, rest -> {[:no_content], rest}
      piece, rest -> cut.(rest, piece)
    end)
  end

  @spec jsonl(GrocerySidecar.t(), Request.t()) :: Enumerable.t()
  def jsonl(client, request) do
    client
    |> stream(request, &Events.lines/2)
    |> Stream.map(&decoded!(client, &1))
  end

  # Server-sent events, each as `{id or nil, data}`; `:no_content` for an answer without a stream (204).
  @spec events(GrocerySidecar.t(), Request.t()) :: Enumerable.t()
  def events(client, request), do: stream(client, request, &Events.events/2)

  @spec decoded!(GrocerySidecar.t(), binary()) :: map()
  def decoded!(client, text) do
    case client.json.decode(text) do
      {:ok, value} -> value
      {:error, _} -> raise Error.not_json(text)
    end
  end

  defp pieces(client, request) do
    opened =
      attempt(request, request.retries, @first_pause_ms, fn ->
        observation = Observation.start(client, request)

        Observation.guard(observation, fn ->
          case opened(client, request) do
            {:ok, response} ->
              {:ok, {response, observation}}

            error ->
              Observation.stop(observation, error)
              error
          end
        end)
      end)

    case opened do
      {:ok, {response, observation}} ->
        ended = fn _ -> Observation.stop(observation, {:ok, response}) end
        body = if response.status == 204, do: [:no_content], else: []

        response.body
        |> Stream.transform(fn -> nil end, &{[&1], &2}, ended)
        |> Stream.concat(body)

      {:error, error} ->
        raise error
    end
  end

  # An answer other than 200 and 204 is an error.
  defp opened(client, request) do
    {transport, options} = client.transport

    case transport.open(request, options) do
      {:ok, %Response{status: status} = response} when status in [200, 204] ->
        {:ok, response}

      {:ok, %Response{} = response} ->
        with {:ok, %Response{body: body, headers: headers}} <- gathered(response) do
          details =
            case client.json.decode(body) do
              {:ok, decoded} -> decoded
              {:error, _} -> body
            end

          {:error, Error.from_answer(response.status, headers, details)}
        end

      {:error, error} ->
        {:error, error}
    end
  end

  defp gathered(response) do
    {:ok, %{response | body: response.body |> Enum.to_list() |> IO.iodata_to_binary()}}
  rescue
    error in Error -> {:error, error}
  end

  defp attempt(request, retries, pause, fun) do
    case fun.() do
      {:ok, result} ->
        {:ok, result}

      {:error, error} ->
        if retries > 0 and Error.retryable?(error) do
          Process.sleep(if error.retry_after, do: error.retry_after * 1000, else: pause)
          attempt(request, retries - 1, pause * 2, fun)
        else
          {:error, named(error, request)}
        end
    end
  end

  defp named(%Error{request_id: nil} = error, request),
    do: %{error | request_id: request.headers |> Map.new() |> Map.get("x-request-id")}

  defp named(error, _), do: error
end
