defmodule GrocerySidecar.Webhook do
  @moduledoc """
  Webhooks of the service, verified by the Standard Webhooks' signature.

      with {:ok, event} <- GrocerySidecar.verify_webhook(raw_body, conn.req_headers, secrets) do
        handle(event.id, event.type, event.data)
      end

  The signature covers the bytes of the body: verify them before a parser has taken them apart.
  """

  @tolerance_s 300

  @enforce_keys [:id, :type, :data]
  defstruct [:id, :type, :timestamp, :data]

  @typedoc """
  `id` is the same on every attempt: drop what has been handled. `type` is `"job.succeeded"`,
  `"job.failed"`, `"job.cancelled"`, `"job.reviewed"` or `"webhook.ping"`; `data` has `"job_id"`, `"tenant_id"`, `"feature"`,
  `"status"`, `"error_code"`. The result is not in it: fetch the job.
  """
  @type t :: %__MODULE__{
          id: String.t(),
          type: String.t(),
          timestamp: DateTime.t() | nil,
          data: map()
        }
  @type reason :: :missing_header | :bad_timestamp | :expired | :bad_signature | :bad_body

  @doc "See `GrocerySidecar.verify_webhook/4`."
  @spec verify(binary(), Enumerable.t(), String.t() | [String.t()], keyword()) ::
          {:ok, t()} | {:error, reason()}
  def verify(body, headers, secrets, options \\ []) do
    GrocerySidecar.Request.known!(options, [:now, :tolerance_s, :json])
    keys = for secret <- List.wrap(secrets), do: key!(secret)
    headers = for {name, value} <- headers, into: %{}, do: {String.downcase("#{name}"), value}
    now = Keyword.get_lazy(options, :now, fn -> System.system_time(:second) end)
    tolerance = Keyword.get(options, :tolerance_s, @tolerance_s)

    with {:ok, id} <- header(headers, "webhook-id"),
         {:ok, timestamp} <- header(headers, "webhook-timestamp"),
         {:ok, signatures} <- header(headers, "webhook-signature"),
         :ok <- timely(timestamp, now, tolerance),
         :ok <- signed("#{id}.#{timestamp}.#{body}", signatures, keys),
         do: event(id, body, options)
  end

  defp header(headers, name) do
    case List.wrap(headers[name]) do
      [value] when is_binary(value) -> {:ok, value}
      _ -> {:error, :missing_header}
    end
  end

  defp timely(text, now, tolerance) do
    case Integer.parse(text) do
      {sent_at, ""} when abs(now - sent_at) <= tolerance -> :ok
      {_, ""} -> {:error, :expired}
      _ -> {:error, :bad_timestamp}
    end
  end

  # hash_equals takes constant time, and digests of one length.
  defp signed(content, signatures, keys) do
    given =
      for "v1," <> text <- String.split(signatures),
          {:ok, <<_::binary-size(32)>> = digest} <- [Base.decode64(text)],
          do: digest

    matches =
      for key <- keys, digest <- given do
        :crypto.hash_equals(digest, :crypto.mac(:hmac, :sha256, key, content))
      end

    if Enum.any?(matches), do: :ok, else: {:error, :bad_signature}
  end

  defp event(id, body, options) do
    json = Keyword.get_lazy(options, :json, &GrocerySidecar.Setup.json!/0)

    case json.decode(body) do
      {:ok, %{"type" => type, "data" => data} = event} ->
        timestamp = GrocerySidecar.Answer.datetime(event["timestamp"])
        {:ok, %__MODULE__{id: id, type: type, timestamp: timestamp, data: data}}

      _ ->
        {:error, :bad_body}
    end
  end

  defp key!("whsec_" <> text) do
    case Base.decode64(text) do
      {:ok, key} -> key
      :error -> raise ArgumentError, "the base64 of a webhook secret is damaged"
    end
  end

  defp key!(_), do: raise(ArgumentError, ~s(a webhook secret is "whsec_" and base64))
end
