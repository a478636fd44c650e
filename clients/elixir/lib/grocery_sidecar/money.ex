defmodule GrocerySidecar.Money do
  @moduledoc """
  An amount as exact text, such as `"33.67"`, its currency (nil where the receipt shows none), and how
  likely it is right where the service says so. `Decimal.new(money.amount)` and `Money.new/2` of the
  money libraries take it as it is.

      iex> to_string(%GrocerySidecar.Money{amount: "33.67", currency: "USD"})
      "33.67 USD"
  """

  @enforce_keys [:amount]
  defstruct [:amount, :currency, :confidence]

  @type t :: %__MODULE__{
          amount: String.t(),
          currency: String.t() | nil,
          confidence: number() | nil
        }

  @doc false
  @spec from_map(map() | nil) :: t() | nil
  def from_map(%{"amount" => amount} = money) when is_binary(amount) do
    %__MODULE__{amount: amount, currency: money["currency"], confidence: money["confidence"]}
  end

  def from_map(_), do: nil

  defimpl String.Chars do
    def to_string(%{amount: amount, currency: nil}), do: amount
    def to_string(%{amount: amount, currency: currency}), do: amount <> " " <> currency
  end
end
