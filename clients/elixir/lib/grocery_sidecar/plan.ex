defmodule GrocerySidecar.Plan do
  @moduledoc """
  A meal plan. `status` is `:optimal` (proven), `:timeout` (the best plan found, with its proven `gap`),
  `:infeasible` (`conflicts` are sentences that name the constraints) or `:no_solution`.

  `raw` holds the payload as it came, `alternatives` and `metrics` included.
  """

  alias GrocerySidecar.Answer

  defmodule Meal do
    @moduledoc "A recipe in a slot of a plan; `raw` has everything else, such as who eats it."

    @enforce_keys [:recipe_id]
    defstruct [:date, :meal_type, :recipe_id, :recipe_name, :raw]

    @type t :: %__MODULE__{
            date: Date.t() | nil,
            meal_type: String.t() | nil,
            recipe_id: String.t(),
            recipe_name: String.t() | nil,
            raw: map()
          }
  end

  defmodule Purchase do
    @moduledoc """
    A line of a plan's shopping list; `raw` has everything else, such as its price and `for_meals`.
    `category` is one of the request's `aisles`.
    """

    @enforce_keys [:name]
    defstruct [:ingredient_id, :name, :quantity, :unit, :category, :raw, for_recipes: []]

    @type t :: %__MODULE__{
            ingredient_id: String.t() | nil,
            name: String.t(),
            quantity: number() | nil,
            unit: String.t() | nil,
            category: String.t() | nil,
            for_recipes: [String.t()],
            raw: map()
          }
  end

  @enforce_keys [:status, :raw]
  defstruct [
    :status,
    :objective,
    :bound,
    :gap,
    :artifact_id,
    :request_id,
    :model_version,
    :processing_time_ms,
    :raw,
    meals: [],
    shopping_list: [],
    explanation: [],
    conflicts: [],
    warnings: []
  ]

  @type status :: :optimal | :timeout | :infeasible | :no_solution | :unknown
  @type t :: %__MODULE__{
          status: status(),
          objective: number() | nil,
          bound: number() | nil,
          gap: number() | nil,
          meals: [Meal.t()],
          shopping_list: [Purchase.t()],
          explanation: [String.t()],
          conflicts: [String.t()],
          warnings: [String.t()],
          artifact_id: String.t() | nil,
          request_id: String.t() | nil,
          model_version: String.t() | nil,
          processing_time_ms: integer() | nil,
          raw: map()
        }

  @statuses Map.new(~w(optimal timeout infeasible no_solution)a, &{Atom.to_string(&1), &1})

  @doc "The plan of an answer's `payload`, or of a job's `output_payload`."
  @spec from_payload(map(), map()) :: t()
  def from_payload(payload, answer \\ %{}) do
    struct!(
      %__MODULE__{
        raw: payload,
        status: Map.get(@statuses, payload["status"], :unknown),
        objective: payload["objective"],
        bound: payload["bound"],
        gap: payload["gap"],
        meals: Enum.map(payload["meal_plan"] || [], &meal/1),
        shopping_list: Enum.map(payload["shopping_list"] || [], &purchase/1),
        explanation: payload["explanation"] || [],
        conflicts: payload["conflicts"] || [],
        warnings: payload["warnings"] || []
      },
      Answer.origin(answer)
    )
  end

  defp meal(entry) do
    %Meal{
      date: Answer.date(entry["date"]),
      meal_type: entry["meal_type"],
      recipe_id: entry["recipe_id"],
      recipe_name: entry["recipe_name"],
      raw: entry
    }
  end

  defp purchase(entry) do
    %Purchase{
      ingredient_id: entry["ingredient_id"],
      name: entry["name"],
      quantity: entry["quantity"],
      unit: entry["unit"],
      category: entry["category"],
      for_recipes: entry["for_recipes"] || [],
      raw: entry
    }
  end
end
