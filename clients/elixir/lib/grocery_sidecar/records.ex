defmodule GrocerySidecar.Records do
  @moduledoc """
  What the service keeps of a tenant: artifacts (the inputs and outputs of the models), feedback,
  corrections. Options and results are as in `GrocerySidecar`.
  """

  alias GrocerySidecar.{Call, Endpoint, Error, Page, Request}

  @before_compile GrocerySidecar.Bang

  @artifact_filter ~w(feature status job_id filter_request_id)a
  @feedback_filter ~w(rating artifact_id job_id)a

  @type result(value) :: {:ok, value} | {:error, Error.t()}
  @type options :: keyword()

  @doc """
  Artifacts, newest first: `:feature`, `:status`, `:job_id`, `:request_id` (as `:filter_request_id`),
  `:limit`, `:offset`, `:cursor`.
  """
  @spec list_artifacts(GrocerySidecar.t(), options()) :: result(Page.t(map()))
  def list_artifacts(client, options \\ []) do
    path = "/api/v1/artifacts"
    Endpoint.page(client, path, "artifacts", options, @artifact_filter, &Function.identity/1)
  end

  @doc "One artifact."
  @spec get_artifact(GrocerySidecar.t(), String.t(), options()) :: result(map())
  def get_artifact(client, artifact_id, options \\ []),
    do: Endpoint.got(client, "/api/v1/artifacts/" <> Request.segment(artifact_id), options)

  @doc "The image of an artifact, as it was sent: `%{data, media_type}`."
  @spec artifact_image(GrocerySidecar.t(), String.t(), options()) ::
          result(%{data: binary(), media_type: String.t() | nil})
  def artifact_image(client, artifact_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    path = "/api/v1/artifacts/#{Request.segment(artifact_id)}/image"

    with {:ok, response} <- Call.whole(client, Request.get(client, path, call)),
         do: {:ok, %{data: response.body, media_type: response.headers["content-type"]}}
  end

  @doc "All artifacts that match, oldest first, as a stream; it has no `:limit` and `:offset`."
  @spec export_artifacts!(GrocerySidecar.t(), options()) :: Enumerable.t()
  def export_artifacts!(client, options \\ []),
    do: Endpoint.export(client, "/api/v1/artifacts", options, @artifact_filter)

  @doc """
  Rates a result: `rating` is `"thumbs_up"` or `"thumbs_down"`, `subject` is `[artifact_id: id]` or
  `[job_id: id]`. Options of its own: `:note`, `:correction`, and
  `:based_on`, the correction before this one, which is refused if another came in between.
  """
  @spec give_feedback(GrocerySidecar.t(), String.t(), keyword(), options()) :: result(map())
  def give_feedback(client, rating, subject, options \\ []) do
    {call, fields} = Request.split_options!(options, [:note, :correction, :based_on])
    :ok = Request.known!(subject, [:artifact_id, :job_id])
    who = client |> Request.identity(call) |> Map.delete(:request_id)
    body = Map.merge(who, Map.new([{:rating, rating} | subject ++ fields]))

    Endpoint.posted(client, "/api/v1/feedback", body, call)
  end

  @doc "Feedback, newest first: `:rating`, `:artifact_id`, `:job_id`, `:limit`, `:offset`, `:cursor`."
  @spec list_feedback(GrocerySidecar.t(), options()) :: result(Page.t(map()))
  def list_feedback(client, options \\ []) do
    path = "/api/v1/feedback"
    Endpoint.page(client, path, "feedback", options, @feedback_filter, &Function.identity/1)
  end

  @doc "All feedback that matches, oldest first, as a stream."
  @spec export_feedback!(GrocerySidecar.t(), options()) :: Enumerable.t()
  def export_feedback!(client, options \\ []),
    do: Endpoint.export(client, "/api/v1/feedback", options, @feedback_filter)

  @doc "The tenant's `corrections`."
  @spec list_corrections(GrocerySidecar.t(), options()) :: result(map())
  def list_corrections(client, options \\ []),
    do: Endpoint.got(client, "/api/v1/corrections", options)

  @doc "Removes a correction by its id: it changes no later answer."
  @spec delete_correction(GrocerySidecar.t(), String.t() | integer(), options()) :: result(map())
  def delete_correction(client, correction_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    path = "/api/v1/corrections/#{Request.segment(to_string(correction_id))}"
    Call.json(client, Request.delete(client, path, call))
  end

  @doc "Erases all data of the tenant; `erased` counts the rows."
  @spec erase_tenant(GrocerySidecar.t(), options()) :: result(map())
  def erase_tenant(client, options \\ []) do
    {call, []} = Request.split_options!(options)

    tenant =
      Request.tenant(client, call) || raise ArgumentError, "erasing data needs a :tenant_id"

    path = "/api/v1/tenants/#{Request.segment(tenant)}/data"
    Call.json(client, Request.delete(client, path, call))
  end
end
