if Code.ensure_loaded?(Req) do
  defmodule GrocerySidecar.Transport.Req do
    @moduledoc """
    Requests by Req (0.5.12 or newer), compiled where the application has it. Its options go to
    `Req.request/1`, such as `finch: MyApp.Finch`, or `plug:`, by which tests answer through `Req.Test`:

        transport: {GrocerySidecar.Transport.Req, plug: {Req.Test, MyApp.Sidecar}}

    Retries stay the client's own, as do statuses and decoding. The timeout is Req's `receive_timeout`:
    the wait for each piece of an answer. With `plug:`, a stream arrives as one piece.
    """

    @behaviour GrocerySidecar.Transport

    alias GrocerySidecar.{Error, Request, Response}

    @impl true
    def open(%Request{} = request, options) do
      live? = request.stream? and not Keyword.has_key?(options, :plug)

      own = [
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        receive_timeout: request.timeout,
        retry: false,
        redirect: false,
        compressed: false,
        raw: true
      ]

      own = if live?, do: [{:into, :self} | own], else: own

      case Req.request(tls(request) |> Keyword.merge(options) |> Keyword.merge(own)) do
        {:ok, answer} ->
          headers = Map.new(answer.headers, fn {name, value} -> {name, joined(value)} end)
          body = if live?, do: pieces(answer, request.timeout), else: List.wrap(answer.body)
          {:ok, %Response{status: answer.status, headers: headers, body: body}}

        {:error, error} ->
          {:error, failed(error)}
      end
    end

    defp tls(%Request{tls: []}), do: []
    defp tls(%Request{tls: tls}), do: [connect_options: [transport_opts: tls]]

    defp joined(values), do: values |> List.wrap() |> Enum.join(", ")

    defp pieces(answer, timeout) do
      Stream.resource(
        fn -> :more end,
        fn
          :done -> {:halt, :done}
          :more -> next(answer, timeout)
        end,
        fn _ -> Req.cancel_async_response(answer) end
      )
    end

    # By its reference, so that the other messages of the process stay where they are.
    defp next(%{body: %{ref: ref}} = answer, timeout) do
      receive do
        {^ref, _} = message ->
          case Req.parse_message(answer, message) do
            {:ok, parts} ->
              {for({:data, data} <- parts, do: data), if(:done in parts, do: :done, else: :more)}

            {:error, error} ->
              raise failed(error)
          end
      after
        timeout -> raise Error.no_answer(:timeout)
      end
    end

    defp failed(%{reason: reason}) when reason in [:timeout, :closed], do: Error.no_answer(reason)
    defp failed(%{reason: reason}) when is_atom(reason), do: Error.unreachable(reason)
    defp failed(%{reason: {:tls_alert, _} = reason}), do: Error.unreachable(reason)
    defp failed(error), do: Error.not_http(error)
  end
end
