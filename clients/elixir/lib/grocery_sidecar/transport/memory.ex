defmodule GrocerySidecar.Transport.Memory do
  @moduledoc """
  Answers from a function, for tests: no socket, no dependency.

      iex> answer = fn request ->
      ...>   %{"payload" => %{"item_name" => "milk"}} = GrocerySidecar.Transport.Memory.json(request)
      ...>   {200, %{"payload" => %{"category" => "Dairy"}}}
      ...> end
      iex> sidecar =
      ...>   GrocerySidecar.new(
      ...>     base_url: "http://sidecar.test",
      ...>     tenant_id: "household-7",
      ...>     transport: {GrocerySidecar.Transport.Memory, answer: answer}
      ...>   )
      iex> {:ok, %{"payload" => payload}} = GrocerySidecar.categorize(sidecar, "milk", ["Dairy"])
      iex> payload["category"]
      "Dairy"

  `:answer` gets the `GrocerySidecar.Request` and returns `{status, body}`, `{status, headers, body}`
  or `{:error, error}`. A body is a map, sent as JSON; a binary; or a list of binaries, the pieces of a
  stream. It is called by the process that calls the client, so `send(self(), …)` reaches the test.
  """

  @behaviour GrocerySidecar.Transport

  alias GrocerySidecar.{Request, Response}

  @impl true
  def open(%Request{} = request, options) do
    case Keyword.fetch!(options, :answer).(request) do
      {:error, error} -> {:error, error}
      {status, body} -> {:ok, answer(request, status, %{}, body)}
      {status, headers, body} -> {:ok, answer(request, status, headers, body)}
    end
  end

  defp answer(request, status, headers, body) when is_map(body),
    do: answer(request, status, headers, request.json.encode!(body))

  defp answer(_, status, headers, body),
    do: %Response{status: status, headers: headers, body: List.wrap(body)}

  @doc "The body of a request, decoded; nil for a request without one."
  @spec json(Request.t()) :: map() | nil
  def json(%Request{body: nil}), do: nil

  def json(%Request{body: body, json: json}) do
    {:ok, decoded} = json.decode(body)
    decoded
  end
end
