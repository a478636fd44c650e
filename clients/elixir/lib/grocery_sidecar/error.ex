defmodule GrocerySidecar.Error do
  @moduledoc """
  The error of a call, as a value to match on; it can be raised too.

  | `kind` | when | what helps |
  |---|---|---|
  | `:bad_input` | 400, 405, 413, 422, and a job that failed for its input | another request |
  | `:unauthorized` | 401, 403 | the right token |
  | `:not_found` | 404: it does not exist for this tenant | |
  | `:conflict` | 409, and a job that was cancelled | |
  | `:unavailable` | 502, 503, no connection | the same call after `retry_after` |
  | `:transient` | 408, 429, 500, 504, no answer in time | the same call after `retry_after` |
  | `:protocol` | an answer that is not the service's | a look at what answers there |
  """

  @type kind ::
          :bad_input
          | :unauthorized
          | :not_found
          | :conflict
          | :unavailable
          | :transient
          | :protocol

  @typedoc """
  `code` is the service's own (`"invalid_image"`) or, where it did not answer, the client's
  (`"no_connection"`, `"no_answer"`, `"not_json"`, `"not_ended"`); `status` is nil then.
  `retry_after` is in seconds. `details` is the body of the answer, or the job that failed.
  """
  @type t :: %__MODULE__{
          kind: kind(),
          code: String.t(),
          status: pos_integer() | nil,
          message: String.t(),
          retry_after: non_neg_integer() | nil,
          request_id: String.t() | nil,
          details: term()
        }

  defexception [:kind, :code, :status, :message, :retry_after, :request_id, :details]

  @doc "Whether the same call may work later."
  @spec retryable?(t()) :: boolean()
  def retryable?(%__MODULE__{kind: kind}), do: kind in [:unavailable, :transient]

  @doc "The error in an answer other than 200, in the service's shape or in OpenAI's."
  @spec from_answer(pos_integer(), %{String.t() => String.t()}, term()) :: t()
  def from_answer(status, headers, body) do
    {code, message} = told(body)

    %__MODULE__{
      kind: kind(status),
      code: code || "http_#{status}",
      status: status,
      message: message || "The service answered #{status}.",
      retry_after: seconds(headers["retry-after"]),
      request_id: headers["x-request-id"],
      details: body
    }
  end

  @doc "The error that a stream broke off with, after its status had been sent."
  @spec from_stream(map()) :: t()
  def from_stream(%{"error" => error} = body) do
    {code, message} = told(%{"error" => error})
    message = message || "The stream broke off."
    %__MODULE__{kind: :transient, code: code || "broken_off", message: message, details: body}
  end

  @doc "The error that a job ended with."
  @spec from_job(map()) :: t()
  def from_job(%{"status" => "cancelled"} = job),
    do: %__MODULE__{
      kind: :conflict,
      code: "cancelled",
      message: "The job was cancelled.",
      details: job
    }

  def from_job(%{"error_code" => code, "error_message" => message} = job) do
    kind = if job["retryable"], do: :transient, else: :bad_input

    %__MODULE__{
      kind: kind,
      code: code,
      message: message,
      request_id: job["request_id"],
      details: job
    }
  end

  @doc "For transports: there is no connection."
  @spec unreachable(term()) :: t()
  def unreachable(reason) do
    message = "The service can't be reached."
    %__MODULE__{kind: :unavailable, code: "no_connection", message: message, details: reason}
  end

  @doc "For transports: the answer did not come in time, or broke off."
  @spec no_answer(term()) :: t()
  def no_answer(reason) do
    message = "The service did not answer in time, or hung up."
    %__MODULE__{kind: :transient, code: "no_answer", message: message, details: reason}
  end

  @doc "For transports: the answer is not HTTP."
  @spec not_http(term()) :: t()
  def not_http(heard) do
    message = "What answers there does not speak HTTP."
    %__MODULE__{kind: :protocol, code: "not_http", message: message, details: heard}
  end

  @doc false
  @spec not_json(term()) :: t()
  def not_json(heard) do
    message = "The answer is not JSON."
    %__MODULE__{kind: :protocol, code: "not_json", message: message, details: heard}
  end

  defp kind(status) when status in [400, 405, 413, 422], do: :bad_input
  defp kind(status) when status in [401, 403], do: :unauthorized
  defp kind(404), do: :not_found
  defp kind(409), do: :conflict
  defp kind(status) when status in [502, 503], do: :unavailable
  defp kind(status) when status in [408, 429, 500, 504], do: :transient
  defp kind(_), do: :protocol

  defp told(%{"error" => %{"code" => code, "message" => message}}), do: {code, message}
  defp told(%{"code" => code, "error" => message}), do: {code, message}
  defp told(_), do: {nil, nil}

  defp seconds(nil), do: nil

  defp seconds(text) do
    case Integer.parse(text) do
      {seconds, ""} when seconds >= 0 -> seconds
      _ -> nil
    end
  end
end
