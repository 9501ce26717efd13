#include "server/api_testing.h"

#include "base/text.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::server {

namespace {

// Made once: each costs a write that waits for the disk.
struct Tokens {
  TempDir dir;
  std::map<std::string, std::string, std::less<>> texts;
  Tokens() {
    const auto now = system_clock().now();
    for (const char* role : {"viewer", "operator", "admin", "worker"}) {
      texts[role] =
          create_token(dir.path(), {role, parse_role(role).value(), {}, "", kNoTime, kNever}, now)
              .value();
    }
    texts["expired"] =
        create_token(dir.path(), {"expired", Role::admin, {}, "", kNoTime, now}, now).value();
    texts["garbage"] = str("pawl_", std::string(64, '0'));
  }
};

const Tokens& tokens() {
  static const Tokens made;
  return made;
}

}  // namespace

ApiBed::ApiBed(const std::function<void(Router&)>& prepare) {
  store = store::open_memory();
  engine::Options options;
  options.store = store.get();
  engine = std::move(engine::Engine::open(std::move(options)).value());
  methods.reset(new Methods{*engine, *store, system_clock(), Json::object()});
  WorkerGateway::Options workers;
  workers.port = engine.get();
  gateway = std::make_unique<WorkerGateway>(std::move(workers));
  access = std::make_unique<Access>(
      Access::Options{tokens().dir.path(), "127.0.0.1", {}, false, nullptr});
  router.reset(new Router({.doorkeeper = access.get(), .threads = 4}));
  stream = std::make_unique<StreamHub>(*engine, *store, system_clock());
  PAWL_ASSERT(stream->start().ok());
  api.reset(new Api{*engine,
                    *store,
                    *methods,
                    system_clock(),
                    system_clock().now(),
                    "serve",
                    router.get(),
                    {},
                    {},
                    stream.get(),
                    access.get()});
  add_api_routes(*router, *api);
  add_worker_routes(*router, *gateway);
  if (prepare) prepare(*router);
  server = std::move(HttpServer::open({}, *router).value());
  api->connections = [this] { return server->statistics(); };
  gated = engine->register_workflow({kGated, "", {}}).value();
  submit();
}

ApiBed::~ApiBed() {
  server.reset();
  router.reset();
  gateway.reset();
  stream.reset();
  engine->stop();
}

RunId ApiBed::submit(Json inputs) {
  return engine->submit({.workflow = gated, .inputs = std::move(inputs)}).value();
}

Answer ApiBed::ask(std::string_view method, std::string_view target, std::string_view who,
                   std::string_view body, const AskHeaders& headers) {
  const auto& texts = tokens().texts;
  const auto token = texts.find(who);
  RawClient client(server->port());
  client.send(
      request_text(method, target, token == texts.end() ? "" : token->second, body, headers));
  return parse_answer(client.rest());
}

Answer ApiBed::ask_head(std::string_view method, std::string_view target, std::string_view who,
                        const AskHeaders& headers) {
  const auto token = tokens().texts.find(who);
  RawClient client(server->port());
  client.send(request_text(method, target, token == tokens().texts.end() ? "" : token->second, {},
                           headers));
  return parse_answer(client.read_until("\r\n\r\n"));
}

}  // namespace pawl::server
