defmodule GrocerySidecar.Endpoint do
  @moduledoc false
  # The few shapes that the service's endpoints have.

  alias GrocerySidecar.{Call, Error, Page, Request}

  @typep result :: {:ok, map()} | {:error, Error.t()}

  # `own` names the options that are fields of the payload.
  @spec enveloped(GrocerySidecar.t(), String.t(), String.t(), map(), keyword(), [atom()]) ::
          result
  def enveloped(client, path, feature, payload, options, own) do
    {call, fields} = Request.split_options!(options, own)
    call = Request.with_request_id(call)
    named = %{feature: feature, payload: Map.merge(payload, Map.new(fields))}
    posted(client, path, Map.merge(Request.identity(client, call), named), call)
  end

  @spec flat(GrocerySidecar.t(), String.t(), map(), keyword(), [atom()]) :: result
  def flat(client, path, body, options, own) do
    {call, fields} = Request.split_options!(options, own)
    call = Request.with_request_id(call)
    body = body |> Map.merge(Map.new(fields)) |> Map.put(:request_id, call[:request_id])
    posted(client, path, body, call)
  end

  @spec posted(GrocerySidecar.t(), String.t(), map(), keyword()) :: result
  def posted(client, path, body, options) do
    {call, []} = Request.split_options!(options)
    Call.json(client, Request.post(client, path, body, call))
  end

  @spec got(GrocerySidecar.t(), String.t(), keyword()) :: result
  def got(client, path, options) do
    {call, []} = Request.split_options!(options)
    Call.json(client, Request.get(client, path, call))
  end

  @spec page(GrocerySidecar.t(), String.t(), String.t(), keyword(), [atom()], (map() -> entry)) ::
          {:ok, Page.t(entry)} | {:error, Error.t()}
        when entry: term()
  def page(client, path, name, options, own, entry) do
    {call, query} = Request.split_options!(options, [:limit, :offset, :cursor | own])

    with {:ok, page} <- Call.json(client, Request.get(client, path, call, renamed(query))),
         do: {:ok, Page.from_map(page, name, entry)}
  end

  @spec export(GrocerySidecar.t(), String.t(), keyword(), [atom()]) :: Enumerable.t()
  def export(client, path, options, own) do
    {call, query} = Request.split_options!(options, own)
    Call.jsonl(client, Request.get(client, path, call, [{:format, "jsonl"} | renamed(query)]))
  end

  # Two different ids share this name: that of the call, and the one to filter by.
  defp renamed(query) do
    for {name, value} <- query,
        do: {if(name == :filter_request_id, do: :request_id, else: name), value}
  end
end
