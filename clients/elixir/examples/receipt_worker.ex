defmodule MyApp.ReceiptWorker do
  @moduledoc """
  Reads a photo: `MyApp.ReceiptWorker.new(%{tenant_id: tenant_id, photo_id: id}) |> Oban.insert()`.

  The photo's id names the side-car's job too. An attempt that is repeated, after a crash or a
  deployment, finds the job of the first one instead of reading the photo again.
  """

  use Oban.Worker, queue: :receipts, max_attempts: 10

  alias GrocerySidecar.Error

  @impl Oban.Worker
  def perform(%Oban.Job{args: %{"tenant_id" => tenant_id, "photo_id" => photo_id}}) do
    sidecar = MyApp.Sidecar.client(tenant_id)
    payload = GrocerySidecar.receipt({:binary, MyApp.Photos.read!(photo_id)})
    named = [request_id: "photo-#{photo_id}"]

    case GrocerySidecar.run_job(sidecar, "receipt_extraction", payload, named) do
      {:ok, job} ->
        MyApp.Receipts.store!(photo_id, job.output)
        :ok

      {:error, %Error{kind: kind} = error} when kind in [:bad_input, :conflict] ->
        MyApp.Receipts.refuse!(photo_id, error.message)
        {:cancel, error.message}

      {:error, %Error{retry_after: seconds}} when is_integer(seconds) ->
        {:snooze, max(seconds, 1)}

      {:error, error} ->
        {:error, error}
    end
  end
end
