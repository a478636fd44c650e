defmodule GrocerySidecar.Job do
  @moduledoc """
  A job. `output` is a `GrocerySidecar.Receipt` or `GrocerySidecar.Plan` for the features that make them,
  else a map, and nil until the job has succeeded; `error` is the `GrocerySidecar.Error` that it ended
  with. `raw` holds everything as it came.
  """

  alias GrocerySidecar.{Answer, Error, Plan, Receipt}

  @statuses Map.new(~w(queued running succeeded failed cancelled)a, &{Atom.to_string(&1), &1})

  @type status :: :queued | :running | :succeeded | :failed | :cancelled | :unknown

  defmodule Event do
    @moduledoc """
    A change of a job; the last one is `final?`. `version` resumes a watch, as `:last_event_id`.
    """

    @enforce_keys [:status, :raw]
    defstruct [:status, :progress, :version, :raw, final?: false]

    @type t :: %__MODULE__{
            status: GrocerySidecar.Job.status(),
            progress: number() | nil,
            version: integer() | nil,
            final?: boolean(),
            raw: map()
          }
  end

  @enforce_keys [:id, :feature, :status, :raw]
  defstruct [
    :id,
    :feature,
    :status,
    :progress,
    :attempt,
    :max_attempts,
    :output,
    :error,
    :artifact_id,
    :request_id,
    :tenant_id,
    :user_id,
    :created_at,
    :started_at,
    :finished_at,
    :next_attempt_at,
    :review,
    :webhook,
    :raw
  ]

  @type t :: %__MODULE__{
          id: String.t(),
          feature: String.t() | nil,
          status: status(),
          progress: number() | nil,
          attempt: non_neg_integer() | nil,
          max_attempts: pos_integer() | nil,
          output: Receipt.t() | Plan.t() | map() | nil,
          error: Error.t() | nil,
          artifact_id: String.t() | nil,
          request_id: String.t() | nil,
          tenant_id: String.t() | nil,
          user_id: String.t() | nil,
          created_at: DateTime.t() | nil,
          started_at: DateTime.t() | nil,
          finished_at: DateTime.t() | nil,
          next_attempt_at: DateTime.t() | nil,
          review: String.t() | nil,
          webhook: map() | nil,
          raw: map()
        }

  @doc "Whether the job has ended: succeeded, failed or cancelled."
  @spec ended?(t()) :: boolean()
  def ended?(%__MODULE__{status: status}), do: status in [:succeeded, :failed, :cancelled]

  @doc "The job of an answer."
  @spec from_map(map()) :: t()
  def from_map(job) do
    %__MODULE__{
      id: job["id"],
      feature: job["feature"],
      status: status(job["status"]),
      progress: job["progress"],
      attempt: job["attempt"],
      max_attempts: job["max_attempts"],
      output: output(job["feature"], job["output_payload"], job),
      error: if(job["status"] in ["failed", "cancelled"], do: Error.from_job(job)),
      artifact_id: job["artifact_id"],
      request_id: job["request_id"],
      tenant_id: job["tenant_id"],
      user_id: job["user_id"],
      created_at: Answer.datetime(job["created_at"]),
      started_at: Answer.datetime(job["started_at"]),
      finished_at: Answer.datetime(job["finished_at"]),
      next_attempt_at: Answer.datetime(job["next_attempt_at"]),
      review: job["review"],
      webhook: job["webhook"],
      raw: job
    }
  end

  @doc false
  @spec event(map()) :: Event.t()
  def event(change) do
    %Event{
      status: status(change["status"]),
      progress: change["progress"],
      version: change["version"],
      final?: change["final"] == true,
      raw: change
    }
  end

  defp status(text), do: Map.get(@statuses, text, :unknown)

  defp output(_, nil, _), do: nil
  defp output("receipt_extraction", payload, job), do: Receipt.from_payload(payload, job)
  defp output("meal_optimization", payload, job), do: Plan.from_payload(payload, job)
  defp output(_, payload, _), do: payload
end
