defmodule GrocerySidecar.Answer do
  @moduledoc false
  # Shared by the structs: where an answer came from, and lenient readings of dates and times.

  @spec origin(map()) :: map()
  def origin(answer) do
    metadata = answer["metadata"] || %{}

    %{
      artifact_id: metadata["artifact_id"] || answer["artifact_id"],
      request_id: answer["request_id"],
      model_version: answer["model_version"],
      processing_time_ms: answer["processing_time_ms"]
    }
  end

  @spec date(term()) :: Date.t() | nil
  def date(text), do: parsed(text, &Date.from_iso8601/1)

  @spec datetime(term()) :: DateTime.t() | nil
  def datetime(text) do
    case is_binary(text) && DateTime.from_iso8601(text) do
      {:ok, time, _} -> time
      _ -> nil
    end
  end

  # The service gives 14:32 or 14:32:05.
  @spec time(term()) :: Time.t() | nil
  def time(<<_::binary-size(5)>> = text), do: time(text <> ":00")
  def time(text), do: parsed(text, &Time.from_iso8601/1)

  defp parsed(text, parse) do
    case is_binary(text) && parse.(text) do
      {:ok, value} -> value
      _ -> nil
    end
  end
end
