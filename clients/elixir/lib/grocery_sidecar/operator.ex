defmodule GrocerySidecar.Operator do
  @moduledoc """
  What concerns every tenant, so these calls name none, whatever the client's tenant is. Options and
  results are as in `GrocerySidecar`, without `:tenant_id` and `:user_id`.
  """

  alias GrocerySidecar.{Endpoint, Error, Request}

  @before_compile GrocerySidecar.Bang

  @call_options [:request_id, :traceparent, :timeout, :retries]

  @type result(value) :: {:ok, value} | {:error, Error.t()}
  @type options :: keyword()

  @doc "The `queues`, each with its `feature`, and whether it is `paused`, since when and why."
  @spec list_queues(GrocerySidecar.t(), options()) :: result(map())
  def list_queues(client, options \\ []) do
    :ok = Request.known!(options, @call_options)
    Endpoint.got(%{client | tenant_id: nil}, "/api/v1/queues", options)
  end

  @doc """
  Starts no more jobs of a feature until its queue is resumed; they are still accepted, and those that
  run go on. Option of its own: `:reason`.
  """
  @spec pause_queue(GrocerySidecar.t(), String.t(), options()) :: result(map())
  def pause_queue(client, feature, options \\ []) do
    :ok = Request.known!(options, [:reason | @call_options])
    {body, call} = Keyword.split(options, [:reason])
    post(client, feature, "pause", Map.new(body), call)
  end

  @doc "Starts the jobs of a feature again."
  @spec resume_queue(GrocerySidecar.t(), String.t(), options()) :: result(map())
  def resume_queue(client, feature, options \\ []) do
    :ok = Request.known!(options, @call_options)
    post(client, feature, "resume", %{}, options)
  end

  defp post(client, feature, action, body, call) do
    path = "/api/v1/queues/#{Request.segment(feature)}/#{action}"
    Endpoint.posted(%{client | tenant_id: nil}, path, body, call)
  end
end
