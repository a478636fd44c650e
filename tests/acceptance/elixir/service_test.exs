# Every endpoint but chat through the client, as the core application uses it.
# Run with AI_SERVICE_URL, SAMPLE (the path of samples/receipt.jpg) and CALLS (a file to write the
# calls to) in the environment.

Code.require_file("service.exs", __DIR__)
ExUnit.start()

defmodule ServiceTest do
  use ExUnit.Case

  alias GrocerySidecar.{Error, Ingredients, Job, Operator, Page, Plan, Receipt, Records}

  @photo File.read!(System.fetch_env!("SAMPLE"))
  @labels ["Produce", "Dairy", "Bakery", "Household"]
  @texts [%{id: "a", text: "tomato soup"}, %{id: "b", text: "kitchen \"roll\" é\n"}]
  @rice %{ingredient_id: "rice", name: "Rice", quantity: 200, unit: "g"}
  @recipes [
    %{id: "bowl", name: "Rice bowl", prep_time: 5, cook_time: 10, ingredients: [@rice], tags: []}
  ]
  @plan %{
    planning_horizon: %{start_date: "2026-01-12", days: 1, meal_types: ["dinner"]},
    inventory: [Map.put(@rice, :days_until_expiry, 1)],
    recipes: @recipes
  }

  setup do
    %{sidecar: Called.client()}
  end

  test "a receipt is awaited, and a repeated submission returns the same job", context do
    %{sidecar: sidecar} = context
    receipt = GrocerySidecar.receipt({:binary, @photo}, currency: "USD")
    submit = &GrocerySidecar.submit_job(sidecar, "receipt_extraction", receipt, request_id: &1)
    {:ok, submitted} = submit.("elixir-1")
    {:ok, %Job{status: :succeeded} = job} = GrocerySidecar.await_job(sidecar, submitted.id)
    read(job.output)
    assert job.output.artifact_id == job.artifact_id
    assert {:ok, %Job{id: id, request_id: "elixir-1"}} = submit.("elixir-1")
    assert id == submitted.id
    other = %{receipt | options: %{currency: "EUR"}}

    assert {:error, %Error{kind: :conflict, status: 409}} =
             GrocerySidecar.submit_job(sidecar, "receipt_extraction", other,
               request_id: "elixir-1"
             )
  end

  test "a receipt is read synchronously", %{sidecar: sidecar} do
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    options = [request_id: "elixir-2", traceparent: trace, user_id: "u-1"]
    {:ok, receipt} = GrocerySidecar.extract_receipt(sidecar, {:binary, @photo}, options)
    assert receipt.request_id == "elixir-2"
    assert is_binary(receipt.model_version)
    assert is_integer(receipt.processing_time_ms)
    read(receipt)

    {:ok, nested} = GrocerySidecar.extract_receipt_nested(sidecar, {:binary, @photo})
    assert nested["extraction"]["merchant"]["name"] == receipt.merchant

    artifact_id = receipt.artifact_id
    {:ok, artifact} = Records.get_artifact(sidecar, artifact_id)
    assert artifact["user_id"] == "u-1"
    {:ok, image} = Records.artifact_image(sidecar, artifact_id)
    assert image == %{data: @photo, media_type: "image/jpeg"}
  end

  test "a job is watched to its end, and a watch resumes after the last event", context do
    %{sidecar: sidecar} = context
    {:ok, job} = GrocerySidecar.submit_job(sidecar, "meal_optimization", @plan)
    events = sidecar |> GrocerySidecar.watch_job!(job.id) |> Enum.to_list()
    assert %Job.Event{status: :succeeded, final?: true} = last = List.last(events)

    assert [%Job.Event{version: 1} = first] =
             Enum.take(GrocerySidecar.watch_job!(sidecar, job.id), 1)

    assert hd(events) == first

    after_all = GrocerySidecar.watch_job!(sidecar, job.id, last_event_id: last.version)
    assert Enum.to_list(after_all) == []
  end

  test "jobs are listed, cancelled and retried", %{sidecar: sidecar} do
    sidecar = %{sidecar | tenant_id: "elixir jobs/ü"}
    {:ok, done} = GrocerySidecar.run_job(sidecar, "embedding_batch", %{texts: @texts})
    assert {:error, %Error{kind: :conflict}} = GrocerySidecar.cancel_job(sidecar, done.id)
    assert {:error, %Error{kind: :conflict}} = GrocerySidecar.retry_job(sidecar, done.id)
    {:ok, page} = GrocerySidecar.list_jobs(sidecar, status: "succeeded", limit: 1)
    assert %Page{total: 1, entries: [%Job{id: id, output: nil}]} = page
    assert id == done.id

    {:ok, %{"erased" => erased}} = Records.erase_tenant(sidecar)
    assert erased["jobs"] == 1
    assert {:ok, %Page{total: 0}} = GrocerySidecar.list_jobs(sidecar)
  end

  test "a queue is paused and resumed by whoever is no tenant", %{sidecar: sidecar} do
    paused = fn ->
      {:ok, %{"queues" => queues}} = Operator.list_queues(sidecar)
      for %{"paused" => true} = queue <- queues, do: {queue["feature"], queue["reason"]}
    end

    {:ok, %{"paused" => true}} =
      Operator.pause_queue(sidecar, "categorization_batch", reason: "elixir")

    assert paused.() == [{"categorization_batch", "elixir"}]
    {:ok, %{"paused" => false}} = Operator.resume_queue(sidecar, "categorization_batch")
    assert paused.() == []
    assert_raise ArgumentError, fn -> Operator.list_queues(sidecar, tenant_id: "elixir") end
  end

  test "a receiver of webhooks is tried out", %{sidecar: sidecar} do
    assert {:error, %Error{kind: :bad_input, code: "blocked_url"}} =
             GrocerySidecar.ping_webhook(sidecar, "http://127.0.0.1/hook")

    {:ok, done} = GrocerySidecar.run_job(sidecar, "embedding_batch", %{texts: @texts})
    assert {:error, %Error{kind: :conflict}} = GrocerySidecar.resend_webhook(sidecar, done.id)
  end

  test "awaiting a failed job returns its error", %{sidecar: sidecar} do
    broken = GrocerySidecar.receipt({:binary, binary_part(@photo, 0, 5000)})

    assert {:error, %Error{kind: :bad_input, code: "invalid_image", details: %{"id" => id}}} =
             GrocerySidecar.run_job(sidecar, "receipt_extraction", broken)

    assert {:ok, %Job{status: :queued}} = GrocerySidecar.retry_job(sidecar, id)
    assert {:error, %Error{kind: :bad_input}} = GrocerySidecar.await_job(sidecar, id)
  end

  test "a job continues after an await times out", %{sidecar: sidecar} do
    {:ok, job} = GrocerySidecar.submit_job(sidecar, "meal_optimization", @plan)

    assert {:error, %Error{kind: :transient, code: "not_ended"}} =
             GrocerySidecar.await_job(sidecar, job.id, deadline: -1)

    assert {:ok, _} = GrocerySidecar.await_job(sidecar, job.id)
  end

  test "names are categorized, and a correction is stored", %{sidecar: sidecar} do
    sidecar = %{sidecar | tenant_id: "elixir-corrections"}
    {:ok, answer} = GrocerySidecar.categorize(sidecar, "whole milk", @labels)
    assert answer["payload"]["category"] == "Dairy"
    {:ok, departments} = GrocerySidecar.categorize(sidecar, "toothpaste", nil)
    assert map_size(departments["payload"]["all_scores"]) == 10
    items = [%{id: 1, name: "rye bread"}]
    {:ok, batch} = GrocerySidecar.categorize_batch(sidecar, items, @labels)
    assert [%{"predicted_category" => "Bakery"}] = batch["payload"]["predictions"]

    subject = [artifact_id: answer["metadata"]["artifact_id"]]
    correction = %{item_name: "whole milk", category: "Household"}
    words = [note: "no", correction: correction]
    {:ok, given} = Records.give_feedback(sidecar, "thumbs_down", subject, words)
    {:ok, %Page{total: 1}} = Records.list_feedback(sidecar, rating: "thumbs_down")
    {:ok, %{"corrections" => [learnt]}} = Records.list_corrections(sidecar)
    assert %{"name" => "whole milk", "value" => "Household"} = learnt
    {:ok, %{"id" => removed}} = Records.delete_correction(sidecar, learnt["id"])
    assert removed == learnt["id"]
    assert {:ok, %{"corrections" => []}} = Records.list_corrections(sidecar)

    assert [%{"id" => id}] = Enum.to_list(Records.export_feedback!(sidecar))
    assert id == given["id"]
    assert length(Enum.to_list(Records.export_artifacts!(sidecar))) == 3
    assert [%{}] = Enum.take(Records.export_artifacts!(sidecar), 1)

    sought = [filter_request_id: answer["request_id"]]
    assert {:ok, %Page{total: 1, entries: [%{}]}} = Records.list_artifacts(sidecar, sought)
  end

  test "texts are embedded and searched", %{sidecar: sidecar} do
    for embed <- [&GrocerySidecar.embed/3, &GrocerySidecar.embed_batch/3] do
      {:ok, answer} = embed.(sidecar, @texts, request_id: "elixir-3")
      assert %{"request_id" => "elixir-3", "embeddings" => [%{"id" => "a"} = first, _]} = answer
      assert length(first["vector"]) == answer["dimension"]
    end

    {:ok, answer} = GrocerySidecar.search(sidecar, "soup", @texts, top_k: 1)
    assert [%{"id" => "a"}] = answer["payload"]["results"]
  end

  test "texts are embedded as OpenAI does", %{sidecar: sidecar} do
    {:ok, answer} = GrocerySidecar.OpenAI.embeddings(sidecar, ["tomato soup", "rye bread"])
    assert [%{"index" => 0, "embedding" => [_ | _]}, %{"index" => 1}] = answer["data"]
    {:ok, %{"id" => id}} = GrocerySidecar.OpenAI.get_model(sidecar, answer["model"])
    assert id == answer["model"]
  end

  test "meals are planned and suggested", %{sidecar: sidecar} do
    {:ok, plan} = GrocerySidecar.plan_meals(sidecar, @plan, timeout_ms: 2000)
    assert %Plan{status: :optimal, meals: [%{recipe_id: "bowl", date: ~D[2026-01-12]}]} = plan
    wanted = %{mode: "cook_with", ingredients: ["rice"], recipes: @recipes}
    {:ok, %{"payload" => found}} = GrocerySidecar.suggest_meals(sidecar, wanted)
    assert [%{"recipe_id" => "bowl"}] = found["suggestions"]
  end

  test "ingredients are read, listed and found in recipes", %{sidecar: sidecar} do
    {:ok, %{"payload" => read}} = Ingredients.parse(sidecar, ["2 EL Olivenöl"], language: "de")
    assert [%{"name" => "Olivenöl", "unit" => "tbsp"}] = read["ingredients"]
    recipes = [%{id: "soup", name: "Soup", ingredients: ["500 g tomatoes", "100 ml cream"]}]

    {:ok, %{"payload" => list}} =
      Ingredients.shopping_list(sidecar, recipes, aisles: ["Produce", "Dairy"])

    assert [%{"category" => "Produce"}, %{"category" => "Dairy"}] = list["items"]

    {:ok, %{"payload" => recipe}} =
      Ingredients.extract_recipe(sidecar, {:text, "Pancakes\nServes 4\n200 g flour\n2 eggs"})

    assert recipe["title"] == "Pancakes"

    schema =
      ~s({"@context": "https://schema.org", "@type": "Recipe", "name": "Pie", "recipeIngredient": ["2 apples"]})

    page = ~s(<script type="application/ld+json">#{schema}</script>)
    {:ok, %{"payload" => recipe}} = Ingredients.extract_recipe(sidecar, {:html, page})
    assert [%{"name" => "apples", "quantity" => 2.0}] = recipe["ingredients"]
  end

  test "invalid input is an error with a message and the field's path", %{sidecar: sidecar} do
    {:error, error} = GrocerySidecar.extract_receipt(sidecar, {:binary, "milk"})
    assert %Error{kind: :bad_input, status: 400, code: "unsupported_image"} = error
    assert is_binary(error.message) and is_binary(error.request_id)
    refute Error.retryable?(error)

    {:error, error} = GrocerySidecar.categorize(sidecar, "", @labels, request_id: "elixir-4")
    assert %Error{kind: :bad_input, status: 422, request_id: "elixir-4"} = error
    assert error.message =~ "item_name"

    assert {:error, %Error{code: "missing_tenant"}} =
             GrocerySidecar.list_jobs(sidecar, tenant_id: nil)
  end

  test "another tenant's job is not found", %{sidecar: sidecar} do
    {:ok, job} = GrocerySidecar.submit_job(sidecar, "meal_optimization", @plan)

    assert {:error, %Error{kind: :not_found}} =
             GrocerySidecar.get_job(sidecar, job.id, tenant_id: "other")
  end

  test "health follows the core application's own contract", %{sidecar: sidecar} do
    {:ok, ready} = GrocerySidecar.ready(sidecar)
    assert ready["status"] in ["ok", "degraded", "error"]
    assert Map.has_key?(ready["checks"], "database")
    assert is_binary(ready["version"])
    assert {:ok, %{"status" => "ok"}} = GrocerySidecar.live(sidecar)
    assert {:ok, %{"status" => "ok"}} = GrocerySidecar.health(sidecar)
  end

  # Reads an extraction as the core application does: the struct, and the payload that it keeps.
  defp read(%Receipt{raw: payload} = receipt) do
    assert %{merchant: "GREEN VALLEY MARKET", date: ~D[2026-01-17], currency: "USD"} = receipt
    assert %{amount: "33.67", currency: "USD", confidence: confidence} = receipt.total
    assert is_number(confidence) and is_number(receipt.confidence.overall)
    assert is_binary(receipt.text) and receipt.matches_total?
    assert length(receipt.items) == length(payload["items"])

    for line <- receipt.items do
      assert is_binary(line.raw_text) and is_binary(line.name)
      assert is_number(line.quantity) and is_number(line.confidence)
      assert {_, ""} = Float.parse(line.total_price.amount)
    end

    for item <- payload["items"] do
      {total, ""} = Float.parse(item["total_price"]["amount"])
      assert_in_delta item["price"] * item["quantity"], total, 0.011
    end
  end
end
