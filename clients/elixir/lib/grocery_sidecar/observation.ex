defmodule GrocerySidecar.Observation do
  @moduledoc false
  # Reports attempts: `:telemetry` events where the application has telemetry, and `:on_response`.

  require Logger

  alias GrocerySidecar.{Error, Request, Response}

  @telemetry Code.ensure_loaded?(:telemetry)

  @type t :: %{client: GrocerySidecar.t(), started: integer(), metadata: map()}

  @spec start(GrocerySidecar.t(), Request.t()) :: t()
  def start(client, request) do
    metadata = %{
      method: request.method,
      path: request.path,
      request_id: request.headers |> Map.new() |> Map.get("x-request-id"),
      tenant_id: request.headers |> Map.new() |> Map.get("x-tenant-id"),
      stream?: request.stream?,
      telemetry_span_context: make_ref()
    }

    emit(:start, %{system_time: System.system_time()}, metadata)
    %{client: client, started: System.monotonic_time(), metadata: metadata}
  end

  @spec stop(t(), {:ok, Response.t()} | {:error, Error.t()}) :: :ok
  def stop(%{client: client, metadata: metadata} = observation, result) do
    duration = System.monotonic_time() - observation.started
    {status, error} = outcome(result)
    emit(:stop, %{duration: duration}, Map.merge(metadata, %{status: status, error: error}))

    called(client.on_response, %{
      method: metadata.method,
      path: metadata.path,
      status: status,
      duration_ms: System.convert_time_unit(duration, :native, :millisecond)
    })
  end

  # A failure that is no answer of the service, such as a stub that raises, is reported and goes on.
  @spec guard(t(), (() -> result)) :: result when result: term()
  def guard(observation, fun) do
    fun.()
  catch
    kind, reason ->
      duration = System.monotonic_time() - observation.started
      failure = %{kind: kind, reason: reason, stacktrace: __STACKTRACE__}
      emit(:exception, %{duration: duration}, Map.merge(observation.metadata, failure))
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  defp outcome({:ok, response}), do: {response.status, nil}
  defp outcome({:error, error}), do: {error.status, error}

  # The answer is there already: a fault in the callback must not lose it.
  defp called(callback, response) do
    callback.(response)
    :ok
  catch
    kind, reason ->
      Logger.error("on_response failed: " <> Exception.format(kind, reason, __STACKTRACE__))
  end

  if @telemetry do
    defp emit(event, measurements, metadata),
      do: :telemetry.execute([:grocery_sidecar, :request, event], measurements, metadata)
  else
    defp emit(_, _, _), do: :ok
  end
end
