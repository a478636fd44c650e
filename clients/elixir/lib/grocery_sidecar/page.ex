defmodule GrocerySidecar.Page do
  @moduledoc "A page of a list, and the `total` of all that match."

  @enforce_keys [:entries, :total]
  defstruct [:entries, :total, :limit, :offset]

  @type t(entry) :: %__MODULE__{
          entries: [entry],
          total: non_neg_integer(),
          limit: pos_integer() | nil,
          offset: non_neg_integer() | nil
        }

  @doc false
  @spec from_map(map(), String.t(), (map() -> entry)) :: t(entry) when entry: term()
  def from_map(page, name, entry) do
    %__MODULE__{
      entries: Enum.map(page[name], entry),
      total: page["total"],
      limit: page["limit"],
      offset: page["offset"]
    }
  end
end
