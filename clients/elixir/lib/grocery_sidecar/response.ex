defmodule GrocerySidecar.Response do
  @moduledoc """
  What a transport returns: the status, the headers with names in lower case, and the body as an
  enumerable of binaries.
  """

  @enforce_keys [:status]
  defstruct [:status, headers: %{}, body: []]

  @type t :: %__MODULE__{
          status: pos_integer(),
          headers: %{String.t() => String.t()},
          body: Enumerable.t()
        }
end
