// The addon's JavaScript side: kernels() → names; createPool(options) → pool; loadModel(network, unread, niceness) → model;
// run(pool, model, lengths, ids, typeIds) → a promise; closePool(pool); trimMemory(). src/engine/native/addon.ts has the types.
#include <node_api.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/resource.h>
#endif

#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "instruction-set.hpp"
#include "pool.hpp"

namespace valence {
namespace {

// Far more than a pack has. No step of a pass has more chunks than its tokens times the heads, so a team can count them.
constexpr int64_t kMostTokens = Team::kMostChunks / 64;

// An error whose message JavaScript gets.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An exception of JavaScript is already pending.
struct Pending {};

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw Pending{};
  throw Refused("the native engine was called in a way that it does not know");
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

double number(napi_env env, napi_value object, const char* name) {
  double value;
  check(env, napi_get_value_double(env, property(env, object, name), &value));
  return value;
}

// A size that arithmetic on ints cannot overflow with.
int size(napi_env env, napi_value object, const char* name) {
  const double value = number(env, object, name);
  if (!(value >= 1 && value <= 1 << 24)) throw Refused(std::string(name) + " is out of range");
  return (int)value;
}

struct View {
  napi_typedarray_type type;
  size_t length;
  void* data;
};

View view(napi_env env, napi_value value, const char* name) {
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (!is) throw Refused(std::string(name) + " is not a typed array");
  View found;
  check(env, napi_get_typedarray_info(env, value, &found.type, &found.length, &found.data, nullptr, nullptr));
  return found;
}

const float* floats(napi_env env, napi_value object, const char* name, size_t length) {
  const View found = view(env, property(env, object, name), name);
  if (found.type != napi_float32_array || found.length != length) throw Refused(std::string(name) + " has another type or length");
  return (const float*)found.data;
}

const int8_t* bytes(napi_env env, napi_value object, const char* name, size_t length) {
  const View found = view(env, property(env, object, name), name);
  if (found.type != napi_int8_array || found.length != length) throw Refused(std::string(name) + " has another type or length");
  return (const int8_t*)found.data;
}

QuantisedMatrix matrix(napi_env env, napi_value object, const char* name, int rows, int columns) {
  const napi_value value = property(env, object, name);
  // Sums of 32 bits hold 65,536 products of u8 and s8.
  if (columns > 65536) throw Refused(std::string(name) + " is too wide");
  if (size(env, value, "rows") != rows || size(env, value, "columns") != columns) throw Refused(std::string(name) + " has another shape");
  return {rows, columns, bytes(env, value, "weights", (size_t)rows * columns), floats(env, value, "scales", rows),
          floats(env, value, "bias", rows)};
}

Norm norm(napi_env env, napi_value object, const char* name, int width) {
  const napi_value value = property(env, object, name);
  return {floats(env, value, "weight", width), floats(env, value, "bias", width)};
}

FloatMatrix floatMatrix(napi_env env, napi_value object, const char* name, int inputs) {
  const napi_value value = property(env, object, name);
  const int rows = size(env, value, "rows");
  if (size(env, value, "columns") != inputs) throw Refused(std::string(name) + " has another shape");
  return {rows, inputs, floats(env, value, "weights", (size_t)rows * inputs), floats(env, value, "bias", rows)};
}

std::string text(napi_env env, napi_value value) {
  char buffer[64];
  size_t length;
  check(env, napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &length));
  return std::string(buffer, length);
}

// A model, and the JavaScript object whose arrays it reads.
struct LoadedModel {
  std::shared_ptr<const Model> model;
  napi_ref source = nullptr;
};

struct OpenPool {
  std::unique_ptr<Pool> pool;
  napi_threadsafe_function answer = nullptr;
  // Packs whose promises are open: as long as there are some, the process must not end.
  int underWay = 0;
};

template <typename T>
napi_value handle(napi_env env, T* object, napi_finalize finalize) {
  napi_value value;
  check(env, napi_create_external(env, object, finalize, nullptr, &value));
  return value;
}

template <typename T>
T* fromHandle(napi_env env, napi_value value) {
  void* object = nullptr;
  check(env, napi_get_value_external(env, value, &object));
  return (T*)object;
}

// Calls a function of this file for JavaScript, with its arguments; what it throws becomes an Error there.
template <size_t count, napi_value (*function)(napi_env, napi_value*)>
napi_value entry(napi_env env, napi_callback_info info) {
  try {
    size_t given = count;
    napi_value arguments[count ? count : 1];
    check(env, napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr));
    if (given < count) throw Refused("an argument is missing");
    return function(env, arguments);
  } catch (const Pending&) {
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

napi_value kernelNames(napi_env env, napi_value*) {
  napi_value names;
  check(env, napi_create_array(env, &names));
  uint32_t index = 0;
  for (const Kernels* kernels : availableKernels()) {
    napi_value name;
    check(env, napi_create_string_utf8(env, kernels->name, NAPI_AUTO_LENGTH, &name));
    check(env, napi_set_element(env, names, index++, name));
  }
  return names;
}

// Bytes that a file has and an array is to have.
struct Piece {
  int descriptor;
  int64_t at;
  int8_t* into;
  size_t length;
};

// @returns whether they are all there, and none is −128, which the kernels do not count on
bool readPiece(const Piece& piece) {
  for (size_t done = 0; done < piece.length;) {
    const ssize_t count = pread(piece.descriptor, piece.into + done, piece.length - done, piece.at + (int64_t)done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += (size_t)count;
  }
  return memchr(piece.into, 0x80, piece.length) == nullptr;
}

std::vector<Piece> unreadPieces(napi_env env, napi_value list) {
  uint32_t count;
  check(env, napi_get_array_length(env, list, &count));
  std::vector<Piece> pieces;
  for (uint32_t i = 0; i < count; i++) {
    napi_value piece;
    check(env, napi_get_element(env, list, i, &piece));
    const View into = view(env, property(env, piece, "into"), "into");
    if (into.type != napi_int8_array) throw Refused("into is not an Int8Array");
    pieces.push_back({(int)number(env, piece, "descriptor"), (int64_t)number(env, piece, "at"), (int8_t*)into.data, into.length});
  }
  return pieces;
}

// A model on its way: reading and packing a hundred megabytes takes a tenth of a second, which the event loop must not lose.
struct Loading {
  std::unique_ptr<LoadedModel> loaded;
  Network network;
  std::vector<QuantisedLayer> layers;
  FloatMatrix headDense, classifier;
  std::vector<Piece> unread;
  int niceness;
  napi_deferred deferred;
  napi_async_work work;
  std::string error;
};

// Runs on a thread of its own, as a thread cannot take its niceness back and this one is lent to others afterwards.
void packModel(napi_env, void* data) {
  auto* loading = (Loading*)data;
  const auto pack = [loading] {
#if defined(__linux__)
    if (loading->niceness != 0) setpriority(PRIO_PROCESS, 0, loading->niceness);
#endif
    try {
      for (const Piece& piece : loading->unread)
        if (!readPiece(piece)) {
          loading->error = "the weights cannot be read";
          return;
        }
      loading->loaded->model = std::make_shared<const Model>(loading->network, loading->layers, loading->headDense, loading->classifier);
    } catch (const std::bad_alloc&) {
      loading->error = "out of memory";
    }
  };
  try {
    std::thread(pack).join();
  } catch (const std::system_error&) {
    loading->error = "no thread could be started";
  }
}

void modelIsPacked(napi_env env, napi_status, void* data) {
  std::unique_ptr<Loading> loading((Loading*)data);
  napi_delete_async_work(env, loading->work);
  napi_value result;
  if (!loading->loaded->model) {
    napi_delete_reference(env, loading->loaded->source);
    napi_create_string_utf8(env, loading->error.c_str(), NAPI_AUTO_LENGTH, &result);
    napi_create_error(env, nullptr, result, &result);
    napi_reject_deferred(env, loading->deferred, result);
    return;
  }
  const auto release = [](napi_env env, void* object, void*) {
    auto* loaded = (LoadedModel*)object;
    napi_delete_reference(env, loaded->source);
    delete loaded;
  };
  napi_create_external(env, loading->loaded.release(), release, nullptr, &result);
  napi_resolve_deferred(env, loading->deferred, result);
}

napi_value loadModel(napi_env env, napi_value* arguments) {
  const napi_value source = arguments[0];
  int32_t niceness;
  check(env, napi_get_value_int32(env, arguments[2], &niceness));
  std::vector<Piece> unread = unreadPieces(env, arguments[1]);
  Network network;
  const int hidden = network.hidden = size(env, source, "hidden");
  network.heads = size(env, source, "heads");
  network.labels = size(env, source, "labels");
  network.maxTokens = size(env, source, "maxTokens");
  network.epsilon = (float)number(env, source, "layerNormEpsilon");
  if (hidden % network.heads != 0 || hidden / network.heads > kLongestHead || network.heads > 64) throw Refused("heads do not fit the width");
  const napi_value words = property(env, source, "wordEmbeddings");
  network.vocabulary = size(env, words, "rows");
  network.words = bytes(env, words, "weights", (size_t)network.vocabulary * hidden);
  network.wordScales = floats(env, words, "scales", network.vocabulary);
  network.positions = floats(env, source, "positionEmbeddings", (size_t)network.maxTokens * hidden);
  napi_valuetype type;
  check(env, napi_typeof(env, property(env, source, "typeEmbeddings"), &type));
  if (type != napi_undefined) network.types = floats(env, source, "typeEmbeddings", (size_t)2 * hidden);
  network.embeddingNorm = norm(env, source, "embeddingNorm", hidden);
  const FloatMatrix headDense = floatMatrix(env, source, "headDense", hidden), classifier = floatMatrix(env, source, "classifier", headDense.rows);
  // The head's result takes the place of a row of the hidden state.
  if (headDense.rows != hidden || classifier.rows != network.labels) throw Refused("the head has another shape");
  network.headActivation = text(env, property(env, source, "headActivation")) == "tanh" ? HeadActivation::tanh : HeadActivation::relu;

  const napi_value list = property(env, source, "layers");
  uint32_t count;
  check(env, napi_get_array_length(env, list, &count));
  if (count == 0) throw Refused("the network has no layers");
  std::vector<QuantisedLayer> layers;
  for (uint32_t i = 0; i < count; i++) {
    napi_value layer;
    check(env, napi_get_element(env, list, i, &layer));
    const int inner = size(env, property(env, layer, "expand"), "rows");
    if (i > 0 && inner != network.intermediate) throw Refused("layers differ in width");
    network.intermediate = inner;
    layers.push_back({matrix(env, layer, "queryKeyValue", 3 * hidden, hidden), matrix(env, layer, "attentionOutput", hidden, hidden),
                      matrix(env, layer, "expand", inner, hidden), matrix(env, layer, "contract", hidden, inner),
                      norm(env, layer, "attentionNorm", hidden), norm(env, layer, "outputNorm", hidden)});
  }

  auto* loading =
      new Loading{std::make_unique<LoadedModel>(), network, std::move(layers), headDense, classifier, std::move(unread), niceness, nullptr, nullptr, {}};
  napi_value promise, title;
  check(env, napi_create_reference(env, source, 1, &loading->loaded->source));
  check(env, napi_create_promise(env, &loading->deferred, &promise));
  check(env, napi_create_string_utf8(env, "valence", NAPI_AUTO_LENGTH, &title));
  check(env, napi_create_async_work(env, nullptr, title, packModel, modelIsPacked, loading, &loading->work));
  check(env, napi_queue_async_work(env, loading->work));
  return promise;
}

struct Waiting {
  OpenPool* open;
  napi_deferred deferred;
  // Keep the pool and the model, and with it the arrays that it reads, for as long as the pack runs.
  napi_ref pool, model;
};

// On JavaScript's thread, when a pack is done.
void answer(napi_env env, napi_value, void*, void* data) {
  std::unique_ptr<std::pair<Waiting, std::unique_ptr<Job>>> done((std::pair<Waiting, std::unique_ptr<Job>>*)data);
  // Without an environment the process is ending, and nobody waits any more.
  if (!env) return;
  auto& [waiting, job] = *done;
  if (--waiting.open->underWay == 0) napi_unref_threadsafe_function(env, waiting.open->answer);
  napi_delete_reference(env, waiting.pool);
  napi_delete_reference(env, waiting.model);
  napi_value result, value;
  if (job->error) {
    napi_create_string_utf8(env, job->error, NAPI_AUTO_LENGTH, &value);
    napi_create_error(env, nullptr, value, &result);
    napi_reject_deferred(env, waiting.deferred, result);
    return;
  }
  void* memory;
  napi_value buffer;
  napi_create_object(env, &result);
  napi_create_arraybuffer(env, job->logits.size() * sizeof(float), &memory, &buffer);
  memcpy(memory, job->logits.data(), job->logits.size() * sizeof(float));
  napi_create_typedarray(env, napi_float32_array, job->logits.size(), buffer, 0, &value);
  napi_set_named_property(env, result, "logits", value);
  napi_create_double(env, job->milliseconds, &value);
  napi_set_named_property(env, result, "inferenceMs", value);
  napi_resolve_deferred(env, waiting.deferred, result);
}

void endThreads(void* open) { ((OpenPool*)open)->pool.reset(); }

napi_value createPool(napi_env env, napi_value* arguments) {
  const napi_value options = arguments[0];
  const std::string name = text(env, property(env, options, "kernels"));
  const Kernels* chosen = nullptr;
  for (const Kernels* kernels : availableKernels())
    if (name == kernels->name) chosen = kernels;
  if (!chosen) throw Refused("this processor has no kernels named " + name);
  bool helping;
  check(env, napi_get_value_bool(env, property(env, options, "helping"), &helping));
  const int threads = size(env, options, "threads");
  auto open = std::make_unique<OpenPool>();
  napi_value title;
  check(env, napi_create_string_utf8(env, "valence", NAPI_AUTO_LENGTH, &title));
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, title, 0, 1, nullptr, nullptr, nullptr, answer, &open->answer));
  // The process may end while a pool is open and nothing runs.
  napi_unref_threadsafe_function(env, open->answer);
  open->pool = std::make_unique<Pool>(*chosen, threads, helping);
  // Where nobody closed it, its threads must end before what they answer through.
  napi_add_env_cleanup_hook(env, endThreads, open.get());
  return handle(env, open.release(), [](napi_env env, void* object, void*) {
    napi_remove_env_cleanup_hook(env, endThreads, object);
    delete (OpenPool*)object;
  });
}

std::vector<int32_t> integers(napi_env env, napi_value value, const char* name) {
  const View found = view(env, value, name);
  if (found.type != napi_int32_array) throw Refused(std::string(name) + " is not an Int32Array");
  const auto* data = (const int32_t*)found.data;
  return std::vector<int32_t>(data, data + found.length);
}

// Nothing that JavaScript says about lengths and ids may lead a kernel out of its arrays.
void refuseWhatDoesNotFit(const Job& job) {
  const Network& network = job.model->network();
  int64_t tokens = 0;
  for (const int32_t length : job.lengths) {
    if (length < 1 || length > network.maxTokens) throw Refused("a text has no tokens, or more than the model reads");
    tokens += length;
  }
  if (job.lengths.empty() || tokens != (int64_t)job.ids.size() || job.ids.size() != job.typeIds.size() || tokens > kMostTokens) {
    throw Refused("a pack's lengths are not those of its tokens, or it is too large");
  }
  for (const int32_t id : job.ids)
    if (id < 0 || id >= network.vocabulary) throw Refused("a token is not in the vocabulary");
  for (const int32_t type : job.typeIds)
    if (type < 0 || type > 1) throw Refused("a token's type is neither 0 nor 1");
}

napi_value run(napi_env env, napi_value* arguments) {
  auto* open = fromHandle<OpenPool>(env, arguments[0]);
  if (!open->pool) throw Refused("the pool is closed");
  auto job = std::make_unique<Job>();
  job->model = fromHandle<LoadedModel>(env, arguments[1])->model;
  job->lengths = integers(env, arguments[2], "lengths");
  job->ids = integers(env, arguments[3], "ids");
  job->typeIds = integers(env, arguments[4], "typeIds");
  refuseWhatDoesNotFit(*job);
  Waiting waiting;
  napi_value promise;
  waiting.open = open;
  check(env, napi_create_promise(env, &waiting.deferred, &promise));
  check(env, napi_create_reference(env, arguments[0], 1, &waiting.pool));
  check(env, napi_create_reference(env, arguments[1], 1, &waiting.model));
  const napi_threadsafe_function answer = open->answer;
  if (open->underWay++ == 0) napi_ref_threadsafe_function(env, answer);
  job->done = [waiting, answer](std::unique_ptr<Job> finished) {
    auto* done = new std::pair<Waiting, std::unique_ptr<Job>>(waiting, std::move(finished));
    if (napi_call_threadsafe_function(answer, done, napi_tsfn_blocking) != napi_ok) delete done;
  };
  open->pool->submit(std::move(job));
  return promise;
}

// Waits for the packs under way; their promises settle afterwards.
napi_value closePool(napi_env env, napi_value* arguments) {
  auto* open = fromHandle<OpenPool>(env, arguments[0]);
  if (!open->pool) return nullptr;
  open->pool.reset();
  napi_release_threadsafe_function(open->answer, napi_tsfn_release);
  return nullptr;
}

// glibc keeps what threads have freed, for the threads that come after them, and that may be none.
napi_value trimMemory(napi_env, napi_value*) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  return nullptr;
}

void offer(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace
}  // namespace valence

NAPI_MODULE_INIT() {
  using namespace valence;
  offer(env, exports, "kernels", entry<0, kernelNames>);
  offer(env, exports, "loadModel", entry<3, loadModel>);
  offer(env, exports, "createPool", entry<1, createPool>);
  offer(env, exports, "run", entry<5, run>);
  offer(env, exports, "closePool", entry<1, closePool>);
  offer(env, exports, "trimMemory", entry<0, trimMemory>);
  return exports;
}
