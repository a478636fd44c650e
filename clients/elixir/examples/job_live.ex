defmodule MyAppWeb.JobLive do
  @moduledoc """
  Shows the progress of a receipt's job as it comes: `live "/jobs/:id", MyAppWeb.JobLive`, in a session that assigns
  `current_tenant_id`. The task that reads the stream ends with the page.
  """

  use Phoenix.LiveView

  @impl true
  def mount(%{"id" => job_id}, _session, socket) do
    sidecar = MyApp.Sidecar.client(socket.assigns.current_tenant_id)

    socket =
      assign(socket, job_id: job_id, status: :queued, progress: 0, receipt: nil, error: nil)

    {:ok, if(connected?(socket), do: follow(socket, sidecar), else: socket)}
  end

  defp follow(socket, sidecar) do
    page = self()
    job_id = socket.assigns.job_id

    start_async(socket, :follow, fn ->
      for event <- GrocerySidecar.watch_job!(sidecar, job_id), do: send(page, {:job, event})
      GrocerySidecar.get_job!(sidecar, job_id)
    end)
  end

  @impl true
  def handle_info({:job, event}, socket),
    do: {:noreply, assign(socket, status: event.status, progress: event.progress)}

  @impl true
  def handle_async(:follow, {:ok, job}, socket) do
    error = job.error && job.error.message
    {:noreply, assign(socket, status: job.status, receipt: job.output, error: error)}
  end

  def handle_async(:follow, {:exit, {%GrocerySidecar.Error{message: sentence}, _stack}}, socket),
    do: {:noreply, assign(socket, error: sentence)}

  def handle_async(:follow, {:exit, _reason}, socket),
    do: {:noreply, assign(socket, error: "The job can't be followed.")}

  @impl true
  def render(assigns) do
    ~H"""
    <progress :if={@status in [:queued, :running]} value={@progress} max="1"><%= @status %></progress>
    <p :if={@error} role="alert"><%= @error %></p>
    <p :if={@receipt}><%= "#{@receipt.merchant}: #{@receipt.total}" %></p>
    """
  end
end
