defmodule GrocerySidecar.Ingredients do
  @moduledoc """
  Ingredient lines, shopping lists and recipes as people write them. Options and results are as in
  `GrocerySidecar`.
  """

  alias GrocerySidecar.{Endpoint, Error}

  @before_compile GrocerySidecar.Bang

  @type result(value) :: {:ok, value} | {:error, Error.t()}

  @doc """
  Reads lines such as `"2 EL Olivenöl"`: `payload` holds `ingredients`. Options of its own: `:language`,
  `:catalog`, `:conversions`.
  """
  @spec parse(GrocerySidecar.t(), [String.t()], GrocerySidecar.options()) :: result(map())
  def parse(client, lines, options \\ []) do
    path = "/api/v1/ingredients/parse"
    own = [:language, :catalog, :conversions]
    Endpoint.enveloped(client, path, "ingredient_parsing", %{lines: lines}, options, own)
  end

  @doc """
  What cooking `recipes` needs. Options of its own: `:inventory`, `:aisles`, `:servings`.
  """
  @spec shopping_list(GrocerySidecar.t(), [map()], GrocerySidecar.options()) :: result(map())
  def shopping_list(client, recipes, options \\ []) do
    path = "/api/v1/shopping-list"
    own = [:inventory, :aisles, :servings]
    Endpoint.enveloped(client, path, "shopping_list", %{recipes: recipes}, options, own)
  end

  @doc """
  The recipe in `{:text, text}` or `{:html, page}`.
  """
  @spec extract_recipe(
          GrocerySidecar.t(),
          {:text, String.t()} | {:html, String.t()},
          GrocerySidecar.options()
        ) :: result(map())
  def extract_recipe(client, {kind, source}, options \\ []) when kind in [:text, :html] do
    path = "/api/v1/recipes/extract"
    Endpoint.enveloped(client, path, "recipe_extraction", %{kind => source}, options, [])
  end
end
