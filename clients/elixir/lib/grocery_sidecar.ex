defmodule GrocerySidecar do
  @moduledoc """
  A client of the grocery side-car.

      sidecar = GrocerySidecar.new(base_url: "http://sidecar.internal:8000", tenant_id: "household-7")

      case GrocerySidecar.extract_receipt(sidecar, {:binary, photo}) do
        {:ok, receipt} -> {receipt.merchant, receipt.total}
        {:error, %GrocerySidecar.Error{kind: :bad_input, message: sentence}} -> tell_the_user(sentence)
        {:error, %GrocerySidecar.Error{kind: :unavailable, retry_after: seconds}} -> try_again_in(seconds)
      end

  Functions return `{:ok, value}` or `{:error, %GrocerySidecar.Error{}}`; each has a variant with `!` that
  returns the value or raises the error. Receipts, plans and jobs are structs; other values are the
  decoded JSON, its keys as strings. Each function takes these options last:

    * `:tenant_id` - in place of the client's
    * `:user_id` - the user of the work; nil for the system's own
    * `:request_id` - generated where it is not given; returned in answers and errors
    * `:traceparent` - the W3C trace context to pass on
    * `:timeout` - milliseconds to wait for the answer, in a stream for the next piece
    * `:retries` - how often a call that can be repeated safely is retried while the service is busy
      or away, after `Retry-After` where it is sent

  and those of its own that it names; an unknown one is an `ArgumentError`. Streams are lazy: they
  connect when they are enumerated, raise errors then, and disconnect when the enumeration halts.

  What is kept of a tenant is in `GrocerySidecar.Records`, OpenAI's protocol in `GrocerySidecar.OpenAI`,
  what concerns every tenant in `GrocerySidecar.Operator`.

  Each attempt is the `:telemetry` span `[:grocery_sidecar, :request]` (`:start`, `:stop`, `:exception`)
  where the application has telemetry, with `method`, `path`, `request_id`, `tenant_id`, `status` (nil
  where no answer came) and `error`.
  """

  alias GrocerySidecar.{
    Call,
    Endpoint,
    Error,
    Following,
    Image,
    Job,
    Page,
    Plan,
    Receipt,
    Request,
    Setup,
    Webhook
  }

  @before_compile GrocerySidecar.Bang

  # Neither the token nor the private key that :tls may hold.
  @derive {Inspect, only: [:base_url, :tenant_id, :timeout, :retries]}
  @enforce_keys [:base_url, :json]
  defstruct [
    :base_url,
    :json,
    :tenant_id,
    :token,
    transport: {GrocerySidecar.Transport.Otp, []},
    tls: [],
    headers: [],
    timeout: 60_000,
    retries: 2,
    on_response: &Function.identity/1
  ]

  @type t :: %__MODULE__{
          base_url: String.t(),
          json: module(),
          tenant_id: String.t() | nil,
          token: String.t() | nil,
          transport: {module(), keyword()},
          tls: keyword(),
          headers: [{String.t(), String.t()}],
          timeout: pos_integer(),
          retries: non_neg_integer(),
          on_response: (map() -> term())
        }
  @type options :: keyword()
  @type result(value) :: {:ok, value} | {:error, Error.t()}
  @type feature :: String.t()
  @typedoc """
  A photo or PDF: its bytes, its URL, or its path below the service's SIDECAR_IMAGE_DIR. A list of
  `{:binary, bytes}` is one long receipt, photographed from top to bottom.
  """
  @type image ::
          {:binary, binary()} | {:url, String.t()} | {:path, String.t()} | [{:binary, binary()}]

  @reading ~w(currency date_order language engine accuracy money categorize candidate_labels catalog)a

  @doc """
  A client.

    * `:base_url` - required, such as `"http://127.0.0.1:8000"`
    * `:tenant_id` - the tenant of calls that don't name one
    * `:token` - sent as `Authorization: Bearer …`, where the service asks for one; `inspect` hides it
    * `:transport` - a `GrocerySidecar.Transport`, or `{module, options}`
    * `:tls` - options of `:ssl` for an `https` address, such as `cacertfile: "ca.pem"` for a private
      CA; by default the system's CAs are trusted
    * `:headers` - sent with every request, such as `[{"x-stub", "503"}]` for the stub server
    * `:timeout` - milliseconds, 60 000 by default
    * `:retries` - 2 by default
    * `:json` - a module that has `encode!/1` and `decode/1`; `JSON`, else `Jason`, by default
    * `:on_response` - called with `%{method, path, status, duration_ms}` after each attempt, for logs;
      what it raises is logged, and the call goes on

  ## Examples

      iex> GrocerySidecar.new(base_url: "http://127.0.0.1:8000", token: "secret", tenant_id: "demo")
      #GrocerySidecar<base_url: "http://127.0.0.1:8000", tenant_id: "demo", timeout: 60000, retries: 2, ...>

      iex> GrocerySidecar.new(base_url: "http://127.0.0.1:8000", tenantid: "demo")
      ** (ArgumentError) unknown option :tenantid; did you mean :tenant_id? Known here: :base_url, :json, :tenant_id, :token, :transport, :tls, :headers, :timeout, :retries, :on_response
  """
  @spec new(keyword()) :: t()
  def new(options) do
    Request.known!(
      options,
      ~w(base_url json tenant_id token transport tls headers timeout retries on_response)a
    )

    client = struct!(__MODULE__, Keyword.put_new_lazy(options, :json, &Setup.json!/0))
    transport = Setup.transport!(client.transport)
    %{client | base_url: Setup.base_url!(client.base_url), transport: transport}
  end

  ## Categories

  @doc """
  One name into one of the labels, or (nil) of ten departments of a supermarket: `payload` holds
  `category`, `confidence`, `all_scores`. Options of its own: `:language`, a hint.
  """
  @spec categorize(t(), String.t(), [String.t()] | nil, options()) :: result(map())
  def categorize(client, item_name, candidate_labels, options \\ []) do
    payload = labeled(%{item_name: item_name}, candidate_labels)

    Endpoint.enveloped(client, "/api/v1/categorize", "categorization", payload, options, [
      :language
    ])
  end

  @doc "Up to 500 `%{id, name}`, each into one of the labels or departments: `payload` holds `predictions`."
  @spec categorize_batch(t(), [map()], [String.t()] | nil, options()) :: result(map())
  def categorize_batch(client, items, candidate_labels, options \\ []) do
    payload = labeled(%{items: items}, candidate_labels)

    Endpoint.enveloped(
      client,
      "/api/v1/categorize-batch",
      "categorization_batch",
      payload,
      options,
      [:language]
    )
  end

  defp labeled(payload, nil), do: payload
  defp labeled(payload, labels), do: Map.put(payload, :candidate_labels, labels)

  ## Texts

  @doc "Unit vectors of up to 1 000 `%{id, text}`: `embeddings` holds `%{id, vector}`."
  @spec embed(t(), [map()], options()) :: result(map())
  def embed(client, texts, options \\ []),
    do: Endpoint.flat(client, "/api/v1/embed", %{version: "1", texts: texts}, options, [])

  @doc "The same for up to 10 000 texts; `:batch_size` (1 to 256) sets the size of their batches."
  @spec embed_batch(t(), [map()], options()) :: result(map())
  def embed_batch(client, texts, options \\ []),
    do:
      Endpoint.flat(client, "/api/v1/embed/batch", %{version: "1", texts: texts}, options, [
        :batch_size
      ])

  @doc """
  Ranks up to 5 000 documents, `%{id, text}`, by words and meaning: `payload` holds `results`.
  Options of its own: `:top_k`, `:keyword_weight`, `:semantic_weight`, `:min_score`.
  """
  @spec search(t(), String.t(), [map()], options()) :: result(map())
  def search(client, query, documents, options \\ []) do
    payload = %{query: query, documents: documents}
    own = [:top_k, :keyword_weight, :semantic_weight, :min_score]
    Endpoint.enveloped(client, "/api/v1/search", "search", payload, options, own)
  end

  ## Receipts

  @doc """
  Reads a receipt and waits for it. Options of its own go to the reader: `:currency`, `:date_order`,
  `:language`, `:engine`, `:accuracy`, `:money`, `:categorize`, `:candidate_labels`, `:catalog`.
  """
  @spec extract_receipt(t(), image(), options()) :: result(Receipt.t())
  def extract_receipt(client, image, options \\ []) do
    {call, reading} = Request.split_options!(options, @reading)
    payload = receipt(image, reading)

    answer =
      Endpoint.enveloped(
        client,
        "/api/v1/extract-receipt",
        "receipt_extraction",
        payload,
        call,
        []
      )

    with {:ok, answer} <- answer, do: {:ok, Receipt.from_payload(answer["payload"], answer)}
  end

  @doc "The same as a map without an envelope: `extraction` is nested, with a confidence for each field."
  @spec extract_receipt_nested(t(), image(), options()) :: result(map())
  def extract_receipt_nested(client, image, options \\ []) do
    {call, reading} = Request.split_options!(options, @reading)
    account = %{version: "1", account_id: Request.tenant(client, call), user_id: call[:user_id]}
    body = Map.merge(receipt(image, reading), account)
    Endpoint.flat(client, "/api/v1/receipts/extract", body, call, [])
  end

  @doc """
  The payload of a `receipt_extraction` job.

      iex> GrocerySidecar.receipt({:url, "https://photos.example/1.jpg"}, currency: "EUR")
      %{image_url: "https://photos.example/1.jpg", options: %{currency: "EUR"}}

      iex> GrocerySidecar.receipt("photo.jpg")
      ** (ArgumentError) an image is {:binary, bytes}, {:url, url}, {:path, path} or a list of {:binary, bytes}, not a binary of 9 bytes
  """
  @spec receipt(image(), keyword()) :: map()
  def receipt(image, reading \\ []) do
    Request.known!(reading, @reading)
    Map.put(Image.source!(image), :options, Map.new(reading))
  end

  ## Meals

  @doc """
  A plan for `planning_horizon` from `recipes`, and whatever else of a plan's fields `payload` holds:
  `inventory`, `people`, `constraints`, `weights`, `conversions`, … Options of its own: `:alternatives`,
  `:timeout_ms`, `:aisles`, `:estimate_nutrition`.
  """
  @spec plan_meals(t(), map(), options()) :: result(Plan.t())
  def plan_meals(client, payload, options \\ []) do
    path = "/api/v1/optimize/meal-plan"

    with {:ok, answer} <-
           Endpoint.enveloped(client, path, "meal_optimization", payload, options, [
             :alternatives,
             :timeout_ms,
             :aisles,
             :estimate_nutrition
           ]),
         do: {:ok, Plan.from_payload(answer["payload"], answer)}
  end

  @doc "What to cook now; `mode` is `use_expiring` or `cook_with`. `payload` holds `suggestions`."
  @spec suggest_meals(t(), map(), options()) :: result(map())
  def suggest_meals(client, payload, options \\ []) do
    path = "/api/v1/optimize/suggestions"
    Endpoint.enveloped(client, path, "meal_suggestions", payload, options, [:limit])
  end

  ## Jobs

  @doc """
  Submits work of a feature (`receipt_extraction`, `embedding_batch`, `categorization_batch`,
  `meal_optimization`); it is durable when this answers. The same `:request_id` gives the same job, so
  a call whose answer was lost is repeated safely. Options of its own: `:callback_url`, `:model_id`,
  `:model_version`.
  """
  @spec submit_job(t(), feature(), map(), options()) :: result(Job.t())
  def submit_job(client, feature, payload, options \\ []) do
    own = [:callback_url, :model_id, :model_version]
    {call, fields} = Request.split_options!(options, own)
    call = call |> Request.with_request_id() |> Keyword.put_new(:retries, client.retries)
    named = Map.merge(Request.identity(client, call), %{feature: feature, payload: payload})
    job(client, Request.post(client, "/api/v1/jobs", Map.merge(Map.new(fields), named), call))
  end

  @doc "One job, with its `output` when it has succeeded."
  @spec get_job(t(), String.t(), options()) :: result(Job.t())
  def get_job(client, job_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    job(client, Request.get(client, job_path(job_id), call))
  end

  @doc "This tenant's jobs, newest first: `:feature`, `:status`, `:review`, `:limit`, `:offset`, `:cursor`."
  @spec list_jobs(t(), options()) :: result(Page.t(Job.t()))
  def list_jobs(client, options \\ []),
    do:
      Endpoint.page(
        client,
        "/api/v1/jobs",
        "jobs",
        options,
        [:feature, :status, :review],
        &Job.from_map/1
      )

  @doc "Cancels a queued or running job."
  @spec cancel_job(t(), String.t(), options()) :: result(Job.t())
  def cancel_job(client, job_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    job(client, Request.post(client, job_path(job_id) <> "/cancel", %{}, call))
  end

  @doc "Queues a failed or cancelled job again."
  @spec retry_job(t(), String.t(), options()) :: result(Job.t())
  def retry_job(client, job_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    job(client, Request.post(client, job_path(job_id) <> "/retry", %{}, call))
  end

  @doc """
  Polls a job until it has ended: `{:ok, job}` when it succeeded, else the error that it ended with.
  The pause between polls grows each time, or is as long as the service asks for; a service that is
  busy or away meanwhile is polled again. After `:deadline` milliseconds (120 000) it gives up with the
  code `"not_ended"`; the job goes on.
  """
  @spec await_job(t(), String.t(), options()) :: result(Job.t())
  def await_job(client, job_id, options \\ []) do
    {call, own} = Request.split_options!(options, [:deadline])
    Following.await(client, job_id, call, Keyword.get(own, :deadline, 120_000))
  end

  @doc "Submits a job and awaits it, with the options of both."
  @spec run_job(t(), feature(), map(), options()) :: result(Job.t())
  def run_job(client, feature, payload, options \\ []) do
    {waiting, options} = Keyword.split(options, [:deadline])

    with {:ok, job} <- submit_job(client, feature, payload, options) do
      call = Keyword.drop(options, [:request_id, :callback_url, :model_id, :model_version])
      await_job(client, job.id, waiting ++ call)
    end
  end

  @doc """
  The changes of a job as `GrocerySidecar.Job.Event`, as they come, until it has ended. A stream that the
  service ends before that is resumed; `:last_event_id` resumes an earlier one.

      for event <- GrocerySidecar.watch_job!(sidecar, job.id), do: send(live_view, {:job, event})
  """
  @spec watch_job!(t(), String.t(), options()) :: Enumerable.t()
  def watch_job!(client, job_id, options \\ []) do
    {call, own} = Request.split_options!(options, [:last_event_id])
    request = Request.get(client, job_path(job_id) <> "/events", call)
    Following.watch(client, request, Keyword.get(own, :last_event_id, 0))
  end

  defp job(client, request) do
    with {:ok, job} <- Call.json(client, request), do: {:ok, Job.from_map(job)}
  end

  defp job_path(job_id), do: "/api/v1/jobs/" <> Request.segment(job_id)

  ## Webhooks

  @doc """
  Verifies a call of the service: the body's bytes as they came, the headers as `{name, value}`, and the
  `whsec_` secrets, one or (while one is replaced) several. Returns the `GrocerySidecar.Webhook`, or why it
  is refused. A call is good for five minutes (`:tolerance_s`); `:now` is in seconds, for tests.
  """
  @spec verify_webhook(binary(), Enumerable.t(), String.t() | [String.t()], options()) ::
          {:ok, Webhook.t()} | {:error, Webhook.reason()}
  defdelegate verify_webhook(body, headers, secrets, options \\ []), to: Webhook, as: :verify

  @doc "Calls the `callback_url` of a finished job again, with the same `webhook-id`."
  @spec resend_webhook(t(), String.t(), options()) :: result(Job.t())
  def resend_webhook(client, job_id, options \\ []) do
    {call, []} = Request.split_options!(options)
    job(client, Request.post(client, job_path(job_id) <> "/webhook/resend", %{}, call))
  end

  @doc "Sends a signed `webhook.ping` to a receiver once: `delivered`, `response_status`, …"
  @spec ping_webhook(t(), String.t(), options()) :: result(map())
  def ping_webhook(client, callback_url, options \\ []),
    do: Endpoint.posted(client, "/api/v1/webhooks/ping", %{callback_url: callback_url}, options)

  ## Health

  @doc "Whether the service is alive."
  @spec health(t(), options()) :: result(map())
  def health(client, options \\ []), do: Endpoint.got(client, "/health", options)

  @doc "The same, at the path for supervisors."
  @spec live(t(), options()) :: result(map())
  def live(client, options \\ []), do: Endpoint.got(client, "/health/live", options)

  @doc """
  The state of each part: `status` is `ok`, `degraded` or `error`, `checks` holds the parts. A service
  in which nothing works answers too, so that is not an error here.
  """
  @spec ready(t(), options()) :: result(map())
  def ready(client, options \\ []) do
    case Endpoint.got(client, "/health/ready", Keyword.put_new(options, :retries, 0)) do
      {:error, %Error{status: 503, details: %{"checks" => _} = ready}} -> {:ok, ready}
      result -> result
    end
  end
end
