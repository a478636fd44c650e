defmodule GrocerySidecar do
  @moduledoc """
  A client of the grocery side-car that needs nothing but OTP: copy this file and the folder beside
  it into `lib/` of an application (Elixir 1.14 or newer, OTP 25 or newer).

      sidecar = GrocerySidecar.new(base_url: "http://sidecar.internal:8000", tenant_id: "household-7")

      {:ok, answer} = GrocerySidecar.categorize(sidecar, "ORG WHL MLK 1GL", ["Dairy", "Produce"])
      answer["payload"]["category"]
      #=> "Dairy"

      case GrocerySidecar.extract_receipt(sidecar, {:binary, photo}) do
        {:ok, %{"payload" => receipt}} -> receipt["total"]
        {:error, %GrocerySidecar.Error{kind: :bad_input, message: sentence}} -> tell_the_user(sentence)
        {:error, %GrocerySidecar.Error{kind: :unavailable, retry_after: seconds}} -> try_again_in(seconds)
      end

  Every function returns `{:ok, answer}` with the decoded JSON, its keys as strings, or
  `{:error, %GrocerySidecar.Error{}}`. Each takes these options last:

    * `:tenant_id` - in place of the client's
    * `:user_id` - the user of the work; nil for the system's own
    * `:request_id` - generated where it is not given; returned in answers and errors
    * `:traceparent` - the W3C trace context to pass on
    * `:timeout` - milliseconds to wait for the answer, in a stream for the next piece
    * `:retries` - how often a call that can be repeated safely is retried while the service is busy
      or away, after `Retry-After` where it is sent

  and any other option is a field of the endpoint's own, such as `top_k: 5` for a search.

  JSON is read and written by Elixir's `JSON`, else by `Jason`, or by any module given as `:json` that
  has `encode!/1` and `decode/1` like those.
  """

  alias GrocerySidecar.{Error, Events, Http}

  @enforce_keys [:base_url, :json]
  defstruct [
    :base_url,
    :json,
    :tenant_id,
    :token,
    tls: [],
    timeout: 60_000,
    retries: 2,
    on_response: &Function.identity/1
  ]

  @type t :: %__MODULE__{
          base_url: String.t(),
          json: module(),
          tenant_id: String.t() | nil,
          token: String.t() | nil,
          tls: [:ssl.tls_client_option()],
          timeout: pos_integer(),
          retries: non_neg_integer(),
          on_response: (map() -> term())
        }
  @type options :: keyword()
  @type result :: {:ok, map()} | {:error, Error.t()}
  @type feature :: String.t()
  @typedoc "A photo or PDF: its bytes, its URL, or its path below the service's SIDECAR_IMAGE_DIR."
  @type image :: {:binary, binary()} | {:url, String.t()} | {:path, String.t()}
  @typedoc "Decides after each piece of a stream whether to go on."
  @type reducer(piece, acc) :: (piece, acc -> {:cont, acc} | {:halt, acc})

  @call_options [:tenant_id, :user_id, :request_id, :traceparent, :timeout, :retries]
  @first_poll_ms 250
  @longest_poll_ms 5_000

  @doc """
  A client.

    * `:base_url` - required, such as `"http://127.0.0.1:8000"`
    * `:tenant_id` - the tenant of calls that don't name one
    * `:token` - sent as `Authorization: Bearer …`, where the service asks for one
    * `:tls` - options of `:ssl` for an `https` address, such as `cacertfile: "ca.pem"` for a private
      CA; by default the system's CAs are trusted
    * `:timeout` - milliseconds, 60 000 by default
    * `:retries` - 2 by default
    * `:json` - a module, see above
    * `:on_response` - called with `%{method, path, status, duration_ms}` after each attempt, for logs
      and metrics; `status` is nil where no answer came
  """
  @spec new(keyword()) :: t()
  def new(options) do
    client = struct!(__MODULE__, Keyword.put_new_lazy(options, :json, &json/0))
    {:ok, _} = Application.ensure_all_started(:ssl)
    %{client | base_url: String.trim_trailing(client.base_url, "/")}
  end

  defp json do
    Enum.find([JSON, Jason], &Code.ensure_loaded?/1) ||
      raise ArgumentError, "neither JSON nor Jason is there: give a module as :json"
  end

  ## Categories

  @doc "One name into one of the labels: `payload` holds `category`, `confidence`, `all_scores`."
  @spec categorize(t(), String.t(), [String.t()], options()) :: result()
  def categorize(client, item_name, candidate_labels, options \\ []) do
    payload = %{item_name: item_name, candidate_labels: candidate_labels}
    enveloped(client, "/api/v1/categorize", "categorization", payload, options)
  end

  @doc "Up to 500 `%{id, name}`, each into one of the labels: `payload` holds `predictions`."
  @spec categorize_batch(t(), [map()], [String.t()], options()) :: result()
  def categorize_batch(client, items, candidate_labels, options \\ []) do
    payload = %{items: items, candidate_labels: candidate_labels}
    enveloped(client, "/api/v1/categorize-batch", "categorization_batch", payload, options)
  end

  ## Texts

  @doc "Unit vectors of up to 1 000 `%{id, text}`: `embeddings` holds `%{id, vector}`."
  @spec embed(t(), [map()], options()) :: result()
  def embed(client, texts, options \\ []),
    do: flat(client, "/api/v1/embed", %{version: "1", texts: texts}, options)

  @doc "The same for up to 10 000 texts; `batch_size: 1..256` sets the size of their batches."
  @spec embed_batch(t(), [map()], options()) :: result()
  def embed_batch(client, texts, options \\ []),
    do: flat(client, "/api/v1/embed/batch", %{version: "1", texts: texts}, options)

  @doc """
  Ranks up to 5 000 documents, `%{id, text}`, by words and meaning: `payload` holds `results`.
  Options of its own: `top_k`, `keyword_weight`, `semantic_weight`, `min_score`.
  """
  @spec search(t(), String.t(), [map()], options()) :: result()
  def search(client, query, documents, options \\ []) do
    payload = %{query: query, documents: documents}
    enveloped(client, "/api/v1/search", "search", payload, options)
  end

  ## Receipts

  @doc """
  Reads a receipt and waits for it: `payload` is the flat extraction (`merchant`, `date`, `total`,
  `items`, …). Options of its own go to the reader: `currency`, `date_order`, `language`, `engine`,
  `categorize`, `candidate_labels`, `catalog`.
  """
  @spec extract_receipt(t(), image(), options()) :: result()
  def extract_receipt(client, image, options \\ []) do
    {call, reading} = Keyword.split(options, @call_options)
    payload = receipt(image, reading)
    enveloped(client, "/api/v1/extract-receipt", "receipt_extraction", payload, call)
  end

  @doc "The same without an envelope: `extraction` is nested, with a confidence for each field."
  @spec extract_receipt_nested(t(), image(), options()) :: result()
  def extract_receipt_nested(client, image, options \\ []) do
    {call, reading} = Keyword.split(options, @call_options)
    body = Map.merge(receipt(image, reading), %{version: "1", account_id: tenant(client, call)})
    flat(client, "/api/v1/receipts/extract", body, call)
  end

  @doc "The payload of a `receipt_extraction` job."
  @spec receipt(image(), keyword()) :: map()
  def receipt(image, reading \\ []), do: Map.put(source(image), :options, Map.new(reading))

  defp source({:binary, bytes}), do: %{image_base64: Base.encode64(bytes)}
  defp source({:url, url}), do: %{image_url: url}
  defp source({:path, path}), do: %{image_path: path}

  ## Meals

  @doc """
  A plan for `planning_horizon` from `recipes`, `inventory`, `constraints`, `weights`: `payload` holds
  `status` (`optimal`, `timeout`, `infeasible`, `no_solution`), `meal_plan`, `shopping_list`, …
  """
  @spec plan_meals(t(), map(), options()) :: result()
  def plan_meals(client, payload, options \\ []),
    do: enveloped(client, "/api/v1/optimize/meal-plan", "meal_optimization", payload, options)

  @doc "What to cook now; `mode` is `use_expiring` or `cook_with`. `payload` holds `suggestions`."
  @spec suggest_meals(t(), map(), options()) :: result()
  def suggest_meals(client, payload, options \\ []),
    do: enveloped(client, "/api/v1/optimize/suggestions", "meal_suggestions", payload, options)

  ## Chat

  @doc """
  OpenAI's chat completion of `messages`, whole. Options of its own are OpenAI's fields:
  `max_tokens`, `temperature`, `tools`, `response_format`, …
  """
  @spec chat(t(), [map()], options()) :: result()
  def chat(client, messages, options \\ []),
    do: decoded(client, chat_request(client, %{messages: messages}, options))

  @doc """
  The same as a stream: `fun` gets each chunk and the accumulator, and returns `{:cont, acc}` or
  `{:halt, acc}`, which cancels the answer.

      GrocerySidecar.stream_chat(sidecar, messages, "", fn chunk, text ->
        delta = get_in(chunk, ["choices", Access.at(0), "delta", "content"]) || ""
        send(live_view, {:delta, delta})
        {:cont, text <> delta}
      end)
  """
  @spec stream_chat(t(), [map()], acc, reducer(map(), acc), options()) ::
          {:ok, acc} | {:error, Error.t()}
        when acc: term()
  def stream_chat(client, messages, acc, fun, options \\ []) do
    request = chat_request(client, %{messages: messages, stream: true}, options)

    reduced = fn
      {_, "[DONE]"}, _, state ->
        {:halt, state}

      {_, data}, acc, _ ->
        case client.json.decode(data) do
          {:ok, %{"error" => _} = body} -> {:halt, {:error, Error.from_stream(body)}}
          {:ok, chunk} -> chunk |> fun.(acc) |> held()
          {:error, _} -> {:halt, {:error, not_json(data)}}
        end
    end

    case pieces(client, request, &Events.events/2, {:ok, acc}, reduced) do
      {:error, error} -> {:error, error}
      {_, state} -> state
    end
  end

  defp chat_request(client, body, options) do
    {call, fields} = Keyword.split(options, @call_options)
    post(client, "/v1/chat/completions", Map.merge(body, Map.new(fields)), call)
  end

  @doc """
  OpenAI's embeddings of a text or a list of texts: `data` holds `%{"index", "embedding"}`. Options of
  its own: `model`, `encoding_format`, `dimensions`.
  """
  @spec openai_embeddings(t(), String.t() | [String.t()], options()) :: result()
  def openai_embeddings(client, input, options \\ []) do
    {call, fields} = Keyword.split(options, @call_options)
    body = Map.new([{:input, input} | fields])
    decoded(client, post(client, "/v1/embeddings", body, call))
  end

  @doc "OpenAI's list of the models that answer now: `data`."
  @spec models(t(), options()) :: result()
  def models(client, options \\ []), do: got(client, "/v1/models", options)

  @doc "One of the models, by its id."
  @spec get_model(t(), String.t(), options()) :: result()
  def get_model(client, model_id, options \\ []),
    do: got(client, "/v1/models/" <> part(model_id), options)

  ## Jobs

  @doc """
  Submits work of a feature (`receipt_extraction`, `embedding_batch`, `categorization_batch`,
  `meal_optimization`); it is durable when this answers. The same `:request_id` gives the same job, so
  a call whose answer was lost is repeated safely. Options of its own: `callback_url`, `model_id`,
  `model_version`.
  """
  @spec submit_job(t(), feature(), map(), options()) :: result()
  def submit_job(client, feature, payload, options \\ []) do
    {call, fields} = Keyword.split(options, @call_options)
    call = Keyword.put_new_lazy(call, :request_id, &new_request_id/0)
    own = Map.merge(who(client, call), %{feature: feature, payload: payload})
    request = post(client, "/api/v1/jobs", Map.merge(Map.new(fields), own), call)
    decoded(client, %{request | retries: retries(client, call)})
  end

  @doc "One job, with its `output_payload` when it has succeeded."
  @spec get_job(t(), String.t(), options()) :: result()
  def get_job(client, job_id, options \\ []),
    do: got(client, "/api/v1/jobs/" <> part(job_id), options)

  @doc "This tenant's `jobs`, newest first, and their `total`: `feature`, `status`, `limit`, `offset`."
  @spec list_jobs(t(), options()) :: result()
  def list_jobs(client, options \\ []), do: got(client, "/api/v1/jobs", options)

  @doc "Cancels a queued or running job."
  @spec cancel_job(t(), String.t(), options()) :: result()
  def cancel_job(client, job_id, options \\ []),
    do: decoded(client, post(client, "/api/v1/jobs/#{part(job_id)}/cancel", %{}, options))

  @doc "Queues a failed or cancelled job again."
  @spec retry_job(t(), String.t(), options()) :: result()
  def retry_job(client, job_id, options \\ []),
    do: decoded(client, post(client, "/api/v1/jobs/#{part(job_id)}/retry", %{}, options))

  @doc "Calls the `callback_url` of a finished job again, with the same `webhook-id`."
  @spec resend_webhook(t(), String.t(), options()) :: result()
  def resend_webhook(client, job_id, options \\ []) do
    path = "/api/v1/jobs/#{part(job_id)}/webhook/resend"
    decoded(client, post(client, path, %{}, options))
  end

  @doc "Sends a signed `webhook.ping` to a receiver once: `delivered`, `response_status`, …"
  @spec ping_webhook(t(), String.t(), options()) :: result()
  def ping_webhook(client, callback_url, options \\ []),
    do:
      decoded(
        client,
        post(client, "/api/v1/webhooks/ping", %{callback_url: callback_url}, options)
      )

  @doc """
  Polls a job until it has ended: `{:ok, job}` when it succeeded, else the error that it ended with.
  The pause between polls grows each time, or is as long as the service asks for; a service that is
  busy or away meanwhile is polled again. After `:deadline` milliseconds (120 000) it gives up with the
  code `"not_ended"`; the job goes on.
  """
  @spec await_job(t(), String.t(), options()) :: result()
  def await_job(client, job_id, options \\ []) do
    {deadline, options} = Keyword.pop(options, :deadline, 120_000)
    poll(client, job_id, options, now() + deadline, @first_poll_ms)
  end

  defp poll(client, job_id, options, deadline, pause) do
    case get_job(client, job_id, Keyword.put(options, :retries, 0)) do
      {:ok, %{"status" => "succeeded"} = job} ->
        {:ok, job}

      {:ok, %{"status" => ended} = job} when ended in ["failed", "cancelled"] ->
        {:error, Error.from_job(job)}

      {:ok, job} ->
        again(client, job_id, options, deadline, pause, job)

      {:error, error} ->
        if Error.retryable?(error),
          do: again(client, job_id, options, deadline, asked(error, pause), error),
          else: {:error, error}
    end
  end

  defp asked(%Error{retry_after: nil}, pause), do: pause
  defp asked(%Error{retry_after: seconds}, pause), do: max(seconds * 1000, pause)

  defp again(client, job_id, options, deadline, pause, seen) do
    if now() + pause > deadline do
      message = "The job #{job_id} has not ended yet."
      {:error, %Error{kind: :transient, code: "not_ended", message: message, details: seen}}
    else
      Process.sleep(pause)
      poll(client, job_id, options, deadline, min(round(pause * 1.5), @longest_poll_ms))
    end
  end

  @doc "Submits a job and awaits it."
  @spec run_job(t(), feature(), map(), options()) :: result()
  def run_job(client, feature, payload, options \\ []) do
    {waiting, options} = Keyword.split(options, [:deadline])

    with {:ok, job} <- submit_job(client, feature, payload, options) do
      call = options |> Keyword.take(@call_options) |> Keyword.delete(:request_id)
      await_job(client, job["id"], waiting ++ call)
    end
  end

  @doc """
  Each change of a job as it comes, until it has ended: `fun` gets `%{"status", "progress", "version",
  "final", …}` and the accumulator, as in `stream_chat/5`. A stream that the service ends before that
  is resumed where it was; `:last_event_id` resumes an earlier one.
  """
  @spec watch_job(t(), String.t(), acc, reducer(map(), acc), options()) ::
          {:ok, acc} | {:error, Error.t()}
        when acc: term()
  def watch_job(client, job_id, acc, fun, options \\ []) do
    {last, call} = Keyword.pop(options, :last_event_id, 0)
    request = get(client, "/api/v1/jobs/#{part(job_id)}/events", call)
    watch(client, request, to_string(last), acc, fun)
  end

  defp watch(client, request, last, acc, fun) do
    heard = fn {id, data}, {_, acc}, _ ->
      with {:ok, change} <- client.json.decode(data) do
        case {change["final"], fun.(change, acc)} do
          {false, {:cont, acc}} -> {:cont, {:ok, {id, acc}}}
          {_, {_, acc}} -> {:halt, {:ended, acc}}
        end
      else
        {:error, _} -> {:halt, {:error, not_json(data)}}
      end
    end

    from = %{request | headers: [{"last-event-id", last} | request.headers]}

    case pieces(client, from, &Events.events/2, {:ok, {last, acc}}, heard) do
      {:ok, {:ended, acc}} -> {:ok, acc}
      {:ok, {:error, error}} -> {:error, error}
      {:ok, {:ok, {last, acc}}} -> watch(client, request, last, acc, fun)
      {:none, _} -> {:ok, acc}
      {:error, error} -> {:error, error}
    end
  end

  ## Artifacts

  @doc """
  The inputs and outputs of the models, newest first: `artifacts` and their `total`. Options of its
  own: `feature`, `status`, `job_id`, `request_id` (as `filter_request_id`), `limit`, `offset`.
  """
  @spec list_artifacts(t(), options()) :: result()
  def list_artifacts(client, options \\ []),
    do: got(client, "/api/v1/artifacts", renamed(options))

  @doc "One artifact."
  @spec get_artifact(t(), String.t(), options()) :: result()
  def get_artifact(client, artifact_id, options \\ []),
    do: got(client, "/api/v1/artifacts/" <> part(artifact_id), options)

  @doc "The image of an artifact, as it was sent: `%{data, media_type}`."
  @spec artifact_image(t(), String.t(), options()) ::
          {:ok, %{data: binary(), media_type: String.t()}} | {:error, Error.t()}
  def artifact_image(client, artifact_id, options \\ []) do
    path = "/api/v1/artifacts/#{part(artifact_id)}/image"

    with {:ok, {headers, data}} <- Http.request(client, get(client, path, options)),
         do: {:ok, %{data: data, media_type: headers["content-type"]}}
  end

  @doc "All artifacts that match, oldest first, one by one, as in `stream_chat/5`."
  @spec export_artifacts(t(), acc, reducer(map(), acc), options()) ::
          {:ok, acc} | {:error, Error.t()}
        when acc: term()
  def export_artifacts(client, acc, fun, options \\ []),
    do: exported(client, "/api/v1/artifacts", acc, fun, renamed(options))

  # Two different ids share this name: that of the call, and the one to filter by.
  defp renamed(options) do
    {sought, options} = Keyword.pop(options, :filter_request_id)
    if sought, do: [{"request_id", sought} | options], else: options
  end

  ## Feedback

  @doc """
  Rates a result: `rating` is `"thumbs_up"` or `"thumbs_down"`, `subject` is `[artifact_id: id]` or
  `[job_id: id]`. Options of its own: `note`, `correction`.
  """
  @spec give_feedback(t(), String.t(), keyword(), options()) :: result()
  def give_feedback(client, rating, subject, options \\ []) do
    {call, fields} = Keyword.split(options, @call_options)
    body = Map.merge(who(client, call), Map.new([{:rating, rating} | subject ++ fields]))
    decoded(client, post(client, "/api/v1/feedback", body, call))
  end

  @doc "The `feedback`, newest first, and its `total`: `rating`, `artifact_id`, `job_id`, …"
  @spec list_feedback(t(), options()) :: result()
  def list_feedback(client, options \\ []), do: got(client, "/api/v1/feedback", options)

  @doc "All feedback that matches, oldest first, one by one, as in `stream_chat/5`."
  @spec export_feedback(t(), acc, reducer(map(), acc), options()) ::
          {:ok, acc} | {:error, Error.t()}
        when acc: term()
  def export_feedback(client, acc, fun, options \\ []),
    do: exported(client, "/api/v1/feedback", acc, fun, options)

  @doc "The tenant's `corrections`."
  @spec list_corrections(t(), options()) :: result()
  def list_corrections(client, options \\ []), do: got(client, "/api/v1/corrections", options)

  @doc "Erases all data of the tenant; `erased` counts the rows."
  @spec erase_tenant(t(), options()) :: result()
  def erase_tenant(client, options \\ []) do
    path = "/api/v1/tenants/#{part(tenant(client, options))}/data"
    decoded(client, %{get(client, path, options) | method: "DELETE"})
  end

  ## Health

  @doc "Whether the service is alive."
  @spec health(t(), options()) :: result()
  def health(client, options \\ []), do: got(client, "/health", options)

  @doc "The same, at the path for supervisors."
  @spec live(t(), options()) :: result()
  def live(client, options \\ []), do: got(client, "/health/live", options)

  @doc """
  The state of each part: `status` is `ok`, `degraded` or `error`, `checks` holds the parts. A service
  in which nothing works answers too, so that is not an error here.
  """
  @spec ready(t(), options()) :: result()
  def ready(client, options \\ []) do
    case got(client, "/health/ready", Keyword.put_new(options, :retries, 0)) do
      {:error, %Error{status: 503, details: %{"checks" => _} = ready}} -> {:ok, ready}
      result -> result
    end
  end

  ## Requests

  defp enveloped(client, path, feature, payload, options) do
    {call, fields} = Keyword.split(options, @call_options)
    call = Keyword.put_new_lazy(call, :request_id, &new_request_id/0)
    payload = Map.merge(payload, Map.new(fields))
    body = Map.merge(who(client, call), %{feature: feature, payload: payload})
    decoded(client, post(client, path, body, call))
  end

  defp flat(client, path, body, options) do
    {call, fields} = Keyword.split(options, @call_options)
    call = Keyword.put_new_lazy(call, :request_id, &new_request_id/0)
    body = body |> Map.merge(Map.new(fields)) |> Map.put(:request_id, call[:request_id])
    decoded(client, post(client, path, body, call))
  end

  defp got(client, path, options), do: decoded(client, get(client, path, options))

  defp exported(client, path, acc, fun, options) do
    request = get(client, path, [{"format", "jsonl"} | options])

    reduced = fn line, acc, _ ->
      case client.json.decode(line) do
        {:ok, row} -> row |> fun.(acc) |> held()
        {:error, _} -> {:halt, {:error, not_json(line)}}
      end
    end

    with {:ok, state} <- pieces(client, request, &Events.lines/2, {:ok, acc}, reduced), do: state
  end

  # Splits the body into units as it arrives. The state is `{:ok, acc}` until `fun` halts with
  # another; `fun` gets a unit, the accumulator and the state.
  defp pieces(client, request, cut, state, fun) do
    fed = fn {rest, state}, piece ->
      {units, rest} = cut.(rest, piece)

      units
      |> Enum.reduce_while({:cont, state}, fn unit, {_, {:ok, acc} = state} ->
        case fun.(unit, acc, state) do
          {:cont, state} -> {:cont, {:cont, state}}
          {:halt, state} -> {:halt, {:halt, state}}
        end
      end)
      |> then(fn {next, state} -> {next, {rest, state}} end)
    end

    case Http.reduce(client, request, {"", state}, fed) do
      {:error, error} -> {:error, error}
      {how, {_, state}} -> {how, state}
    end
  end

  defp held({next, acc}), do: {next, {:ok, acc}}

  defp decoded(client, request) do
    with {:ok, {_, body}} <- Http.request(client, request),
         {:error, _} <- client.json.decode(body),
         do: {:error, not_json(body)}
  end

  defp not_json(body),
    do: %Error{
      kind: :protocol,
      code: "not_json",
      message: "The answer is not JSON.",
      details: body
    }

  defp get(client, path, options) do
    {call, fields} = Enum.split_with(options, fn {name, _} -> name in @call_options end)
    fields = for {name, value} <- fields, value != nil, do: {name, value}

    %{
      method: "GET",
      path: with_query(path, tenant_query(client, call) ++ fields),
      headers: headers(client, call),
      timeout: Keyword.get(call, :timeout, client.timeout),
      retries: retries(client, call)
    }
  end

  # A repeated POST repeats its work, so it is sent once unless the caller says otherwise.
  defp post(client, path, body, options) do
    %{
      method: "POST",
      path: with_query(path, tenant_query(client, options)),
      body: client.json.encode!(body),
      headers: headers(client, options),
      timeout: Keyword.get(options, :timeout, client.timeout),
      retries: Keyword.get(options, :retries, 0)
    }
  end

  defp headers(client, call) do
    wanted = [
      {"x-request-id", Keyword.get_lazy(call, :request_id, &new_request_id/0)},
      {"x-tenant-id", tenant(client, call)},
      {"traceparent", call[:traceparent]},
      {"authorization", client.token && "Bearer " <> client.token}
    ]

    Enum.filter(wanted, fn {_, value} -> value && fits_a_header?(value) end)
  end

  defp tenant_query(client, call) do
    tenant = tenant(client, call)
    if tenant && not fits_a_header?(tenant), do: [{"tenant_id", tenant}], else: []
  end

  defp fits_a_header?(value), do: value =~ ~r/\A[\x21-\x7e]+( [\x21-\x7e]+)*\z/

  defp with_query(path, []), do: path
  defp with_query(path, fields), do: path <> "?" <> URI.encode_query(fields)

  defp who(client, call) do
    %{
      request_id: call[:request_id],
      tenant_id: tenant(client, call),
      user_id: call[:user_id]
    }
  end

  defp tenant(client, call), do: Keyword.get(call, :tenant_id, client.tenant_id)
  defp retries(client, call), do: Keyword.get(call, :retries, client.retries)
  defp part(id), do: URI.encode(id, &URI.char_unreserved?/1)
  defp now, do: System.monotonic_time(:millisecond)
  defp new_request_id, do: "req_" <> Base.encode16(:crypto.strong_rand_bytes(16), case: :lower)
end
