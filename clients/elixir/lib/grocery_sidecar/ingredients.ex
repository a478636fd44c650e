defmodule GrocerySidecar.Ingredients do
  @moduledoc """
  Ingredient lines, shopping lists and recipes as people write them. Options and results are as in
  `GrocerySidecar`.
  """

  alias GrocerySidecar.{Endpoint, Error, Image}

  @before_compile GrocerySidecar.Bang

  @type recipe_source :: {:text, String.t()} | {:html, String.t()} | GrocerySidecar.image()
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
  What cooking `recipes` needs. Options of its own: `:inventory`, `:aisles`, `:servings`,
  `:conversions`.
  """
  @spec shopping_list(GrocerySidecar.t(), [map()], GrocerySidecar.options()) :: result(map())
  def shopping_list(client, recipes, options \\ []) do
    path = "/api/v1/shopping-list"
    own = [:inventory, :aisles, :servings, :conversions]
    Endpoint.enveloped(client, path, "shopping_list", %{recipes: recipes}, options, own)
  end

  @doc """
  The recipe in `{:text, text}`, `{:html, page}` or an image as `GrocerySidecar.extract_receipt/3` takes
  it. Options of its own: `:language`.
  """
  @spec extract_recipe(GrocerySidecar.t(), recipe_source(), GrocerySidecar.options()) ::
          result(map())
  def extract_recipe(client, source, options \\ []) do
    path = "/api/v1/recipes/extract"
    Endpoint.enveloped(client, path, "recipe_extraction", recipe(source), options, [:language])
  end

  @doc """
  The payload of a `recipe_extraction` job.

      iex> GrocerySidecar.Ingredients.recipe({:url, "https://photos.example/1.jpg"})
      %{image_url: "https://photos.example/1.jpg"}
  """
  @spec recipe(recipe_source()) :: map()
  def recipe({kind, text}) when kind in [:text, :html], do: %{kind => text}
  def recipe(image), do: Image.source!(image)
end
