defmodule GrocerySidecar.Receipt do
  @moduledoc """
  What was read from a receipt. What it does not show is nil; `raw` holds the payload as it came.

      {:ok, receipt} = GrocerySidecar.extract_receipt(sidecar, {:binary, photo})
      receipt.total.amount
      #=> "33.67"
      for item <- receipt.items, do: {item.name, item.quantity, to_string(item.total_price)}

  `confidence` maps `:merchant`, `:date`, `:time`, `:total`, `:currency` and `:overall` to the share of
  such values that is right; what is below 0.9 is worth a person's look. `matches_total?` says that the
  lines come to the total, and very likely none is missing or wrong; `warnings` are for a person.
  """

  alias GrocerySidecar.{Answer, Money}

  defmodule Item do
    @moduledoc """
    A line of a receipt. `total_price` is that of the whole line, before its own `discount`.
    """

    @enforce_keys [:name]
    defstruct [
      :name,
      :raw_text,
      :quantity,
      :unit,
      :unit_price,
      :total_price,
      :discount,
      :confidence,
      :category,
      :match
    ]

    @type t :: %__MODULE__{
            name: String.t(),
            raw_text: String.t() | nil,
            quantity: number() | nil,
            unit: String.t() | nil,
            unit_price: Money.t() | nil,
            total_price: Money.t() | nil,
            discount: Money.t() | nil,
            confidence: number() | nil,
            category: term(),
            match: map() | nil
          }
  end

  @enforce_keys [:raw]
  defstruct [
    :merchant,
    :date,
    :time,
    :total,
    :subtotal,
    :tax,
    :currency,
    :text,
    :duplicate_of,
    :artifact_id,
    :request_id,
    :model_version,
    :processing_time_ms,
    :raw,
    items: [],
    confidence: %{},
    matches_total?: false,
    warnings: []
  ]

  @type t :: %__MODULE__{
          merchant: String.t() | nil,
          date: Date.t() | nil,
          time: Time.t() | nil,
          total: Money.t() | nil,
          subtotal: Money.t() | nil,
          tax: Money.t() | nil,
          currency: String.t() | nil,
          items: [Item.t()],
          text: String.t() | nil,
          confidence: %{atom() => number() | nil},
          matches_total?: boolean(),
          warnings: [String.t()],
          duplicate_of: String.t() | nil,
          artifact_id: String.t() | nil,
          request_id: String.t() | nil,
          model_version: String.t() | nil,
          processing_time_ms: integer() | nil,
          raw: map()
        }

  @doc "The receipt of a flat extraction: the `payload` of an answer, or a job's `output_payload`."
  @spec from_payload(map(), map()) :: t()
  def from_payload(payload, answer \\ %{}) do
    fields = payload["fields"] || %{}
    checks = payload["checks"] || %{}

    struct!(
      %__MODULE__{
        raw: payload,
        merchant: payload["merchant"],
        date: Answer.date(payload["date"]),
        time: Answer.time(payload["time"]),
        total: Money.from_map(fields["total"]),
        subtotal: Money.from_map(fields["subtotal"]),
        tax: Money.from_map(fields["tax"]),
        currency: payload["currency"],
        items: Enum.map(payload["line_items"] || [], &item/1),
        text: payload["raw_ocr_text"],
        confidence: confidence(payload, fields),
        matches_total?: checks["matches_total"] == true,
        warnings: checks["warnings"] || [],
        duplicate_of: payload["duplicate_of"]
      },
      Answer.origin(answer)
    )
  end

  defp item(line) do
    %Item{
      name: line["parsed_name"],
      raw_text: line["raw_text"],
      quantity: line["quantity"],
      unit: line["unit"],
      unit_price: Money.from_map(line["unit_price"]),
      total_price: Money.from_map(line["total_price"]),
      discount: Money.from_map(line["discount"]),
      confidence: line["confidence"],
      category: line["category"],
      match: line["match"]
    }
  end

  defp confidence(payload, fields) do
    own =
      for name <- ~w(merchant date time total)a, into: %{} do
        {name, (fields["#{name}"] || %{})["confidence"]}
      end

    Map.merge(own, %{
      currency: payload["currency_confidence"],
      overall: payload["overall_confidence"]
    })
  end
end
