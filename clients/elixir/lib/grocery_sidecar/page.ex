defmodule GrocerySidecar.Page do
  @moduledoc """
  A page of a list, and the `total` of all that match. `next_cursor` is the `:cursor` of the next page, nil
  on the last one; no new row shifts such pages.
  """

  @enforce_keys [:entries, :total]
  defstruct [:entries, :total, :limit, :offset, :next_cursor]

  @type t(entry) :: %__MODULE__{
          entries: [entry],
          total: non_neg_integer(),
          limit: pos_integer() | nil,
          offset: non_neg_integer() | nil,
          next_cursor: String.t() | nil
        }

  @doc false
  @spec from_map(map(), String.t(), (map() -> entry)) :: t(entry) when entry: term()
  def from_map(page, name, entry) do
    %__MODULE__{
      entries: Enum.map(page[name], entry),
      total: page["total"],
      limit: page["limit"],
      offset: page["offset"],
      next_cursor: page["next_cursor"]
    }
  end
end
