# The documented worker in workerd alone, without wrangler:  npx workerd serve workerd.capnp
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "valence", external = (
      address = "127.0.0.1:8484",
      # With a key: injectRequestHeaders = [(name = "Authorization", value = "Bearer <your key>")]
      http = (style = host),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "worker")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2025-09-06",
  bindings = [(
    name = "AI",
    # workerd's own Ai class, as Cloudflare binds it. What it asks goes to Valence.
    wrapped = (
      moduleName = "cloudflare-internal:ai-api",
      innerBindings = [(name = "fetcher", service = "valence")],
    ),
  )],
);
