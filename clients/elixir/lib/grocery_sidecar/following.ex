defmodule GrocerySidecar.Following do
  @moduledoc false
  # Waits for jobs: by polling, and by their server-sent events.

  alias GrocerySidecar.{Call, Error, Job, Request}

  @first_poll_ms 250
  @longest_poll_ms 5_000

  @spec await(GrocerySidecar.t(), String.t(), keyword(), timeout()) ::
          {:ok, Job.t()} | {:error, Error.t()}
  def await(client, job_id, call, deadline),
    do: poll(client, job_id, Keyword.put(call, :retries, 0), now() + deadline, @first_poll_ms)

  defp poll(client, job_id, call, deadline, pause) do
    case GrocerySidecar.get_job(client, job_id, call) do
      {:ok, %Job{status: :succeeded} = job} ->
        {:ok, job}

      {:ok, %Job{error: %Error{} = error}} ->
        {:error, error}

      {:ok, job} ->
        again(client, job_id, call, deadline, pause, job)

      {:error, error} ->
        if Error.retryable?(error),
          do: again(client, job_id, call, deadline, asked(error, pause), error),
          else: {:error, error}
    end
  end

  defp asked(%Error{retry_after: nil}, pause), do: pause
  defp asked(%Error{retry_after: seconds}, pause), do: max(seconds * 1000, pause)

  defp again(client, job_id, call, deadline, pause, seen) do
    if now() + pause > deadline do
      message = "The job #{job_id} has not ended yet."
      {:error, %Error{kind: :transient, code: "not_ended", message: message, details: seen}}
    else
      Process.sleep(pause)
      poll(client, job_id, call, deadline, min(round(pause * 1.5), @longest_poll_ms))
    end
  end

  # The service ends a stream after a while: it is resumed after the last event.
  @spec watch(GrocerySidecar.t(), Request.t(), integer()) :: Enumerable.t()
  def watch(client, request, last) do
    headers = [{"last-event-id", to_string(last)} | request.headers]

    client
    |> Call.events(%{request | headers: headers})
    |> Stream.transform(fn -> {last, false} end, &event(client, &1, &2), &ended/1, fn _ -> :ok end)
    |> Stream.flat_map(fn
      %Job.Event{} = event ->
        [event]

      {:resume, last} ->
        Process.sleep(@first_poll_ms)
        watch(client, request, last)
    end)
  end

  defp event(_, :no_content, {last, _}), do: {[], {last, true}}

  defp event(client, {id, data}, {last, _}) do
    event = client |> Call.decoded!(data) |> Job.event()
    {[event], {id || last, event.final?}}
  end

  defp ended({_, true} = state), do: {[], state}
  defp ended({last, false} = state), do: {[{:resume, last}], state}

  defp now, do: System.monotonic_time(:millisecond)
end
