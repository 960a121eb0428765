// The load generator: one thread that sends requests over kept-alive connections and notes what comes back. In C++ because it
// runs on the cores that it measures: a request costs it a third of what it would in Node.
//
//   generate < job > report
//
// A job is lines of `name value`, of which the last are `head <bytes>` and `bodies <count>`:
//
//   host 127.0.0.1       port 8080       seconds 3       start 0 (the first body's number; the others follow in turn)
//   clients 32           closed: so many connections, each with its next request when it has its answer; or
//   perSecond 2000       open: so many requests a second, whatever comes back
//   numbered 1           a running number between the two parts of each body
//   head <bytes>         then that many bytes: the request up to and with `content-length: `
//   bodies <count>       then for each `<bytes> <bytes>`, a line's end, and its two parts
//
// The report is JSON as in job.ts. It stops sending when the time is over, and counts what is still under way then and the time that
// it takes, so that a round cuts nothing off.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

// More than this wait for an answer at once only where a server neither answers nor refuses.
constexpr size_t kMostConnections = 4000;
// Far above any answer to one text; beyond it something is wrong.
constexpr size_t kMostBytes = 1 << 20;
// How late a request of an open load may leave. Woken for every request and every answer of 4,000 a second, the generator takes 3 to 4% of two cores, and
// one of them away from the server 8,000 times a second, as no client on another machine would.
constexpr timespec kTick = {0, 1'000'000};
constexpr char kHeadEnd[] = "\r\n\r\n";

struct Body {
  std::string before, after;  // the running number stands between
};

struct Job {
  sockaddr_in address{};
  double seconds = 0, perSecond = 0;
  size_t start = 0, clients = 0;
  bool numbered = false;
  std::string head;
  std::vector<Body> bodies;
};

struct Report {
  long answered = 0;
  std::vector<double> latenciesMs;  // of answers with 200
  std::map<std::string, long> failures;
  long refused = 0, withRetryAfter = 0;
  std::vector<double> refusedLatenciesMs;
  std::map<std::string, double> serverTimingMs;
};

double nowMs() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

double toMs(const timespec& time) { return time.tv_sec * 1e3 + time.tv_nsec / 1e6; }

// By the clock that the system notes arrivals with.
double wallMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return toMs(now);
}

double cpuMs() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto ms = [](const timeval& time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

[[noreturn]] void refuse(const std::string& reason) {
  std::fprintf(stderr, "generate: %s\n", reason.c_str());
  std::exit(2);
}

std::string readBytes(size_t count) {
  std::string bytes(count, '\0');
  if (!std::cin.read(bytes.data(), (std::streamsize)count)) refuse("the job is cut short");
  return bytes;
}

Job readJob() {
  Job job;
  job.address.sin_family = AF_INET;
  std::string name, value;
  while (std::cin >> name >> value) {
    const double number = std::atof(value.c_str());
    if (name == "host" && inet_pton(AF_INET, value.c_str(), &job.address.sin_addr) != 1) refuse("the host is to be an IPv4 address");
    if (name == "port") job.address.sin_port = htons((uint16_t)number);
    if (name == "seconds") job.seconds = number;
    if (name == "start") job.start = (size_t)number;
    if (name == "clients") job.clients = (size_t)number;
    if (name == "perSecond") job.perSecond = number;
    if (name == "numbered") job.numbered = number != 0;
    if (name != "head" && name != "bodies") continue;
    std::cin.get();
    if (name == "head") {
      job.head = readBytes((size_t)number);
      continue;
    }
    for (size_t i = 0; i < (size_t)number; i++) {
      size_t before = 0, after = 0;
      std::cin >> before >> after;
      std::cin.get();
      Body body{readBytes(before), {}};
      body.after = readBytes(after);
      job.bodies.push_back(std::move(body));
    }
  }
  if (job.bodies.empty() || (job.clients == 0) == (job.perSecond == 0)) refuse("the job is incomplete");
  return job;
}

// The value of a header in an answer's head, which ends with a line's end; null where it is not there.
const char* headerOf(const std::string& head, std::string_view name) {
  for (size_t line = head.find("\r\n"); line != std::string::npos; line = head.find("\r\n", line + 2)) {
    const char* at = head.c_str() + line + 2;
    if (strncasecmp(at, name.data(), name.size()) != 0 || at[name.size()] != ':') continue;
    for (at += name.size() + 1; *at == ' '; at++) {
    }
    return at;
  }
  return nullptr;
}

// `name;dur=1.5, other;dur=2`
void noteServerTiming(Report& report, const char* header) {
  for (const char* at = header; *at != '\0' && *at != '\r';) {
    const size_t name = std::strcspn(at, ";,\r");
    if (std::strncmp(at + name, ";dur=", 5) == 0) report.serverTimingMs[std::string(at, name)] += std::atof(at + name + 5);
    at += std::strcspn(at, ",\r");
    at += std::strspn(at, ", ");
  }
}

// A connection that sends a request at a time.
//
//   idle ──send──► sending ──all written──► waiting ──whole answer──► idle
//     └──────────────────── broken ◄────────────────┘
struct Connection {
  enum class State { idle, sending, waiting, broken };
  int socket = -1;
  State state = State::idle;
  std::string request, received;
  size_t written = 0;
  double sentMs = 0, arrivedMs = 0;  // of the last bytes
};

struct Load {
  const Job& job;
  Report report;
  size_t next = job.start;
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<Connection*> idle;
  size_t underWay = 0;
  const int sockets = epoll_create1(0);

  void fail(Connection& connection, const std::string& reason) {
    // A server may close a connection that nothing is asked over.
    if (connection.state != Connection::State::idle) {
      report.failures[reason]++;
      underWay--;
    }
    connection.state = Connection::State::broken;
    close(connection.socket);
  }

  Connection& open() {
    connections.push_back(std::make_unique<Connection>());
    Connection& connection = *connections.back();
    connection.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int yes = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(connection.socket, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    // What comes of it is told by the first write.
    (void)connect(connection.socket, (const sockaddr*)&job.address, sizeof job.address);
    // Told once of whatever is new, so that nothing has to be told back.
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {&connection}};
    epoll_ctl(sockets, EPOLL_CTL_ADD, connection.socket, &event);
    return connection;
  }

  void send(Connection& connection) {
    const size_t number = next++;
    const Body& body = job.bodies[number % job.bodies.size()];
    const std::string between = job.numbered ? " " + std::to_string(number) : "";
    const size_t length = body.before.size() + between.size() + body.after.size();
    connection.request = job.head + std::to_string(length) + kHeadEnd + body.before + between + body.after;
    connection.written = 0;
    connection.sentMs = wallMs();
    connection.state = Connection::State::sending;
    underWay++;
    write(connection);
  }

  void write(Connection& connection) {
    const std::string& request = connection.request;
    const ssize_t count = ::send(connection.socket, request.data() + connection.written, request.size() - connection.written, MSG_NOSIGNAL);
    if (count < 0) {
      // ENOTCONN: it is still being connected.
      if (errno != EAGAIN && errno != ENOTCONN) fail(connection, std::strerror(errno));
      return;
    }
    connection.written += (size_t)count;
    if (connection.written == request.size()) connection.state = Connection::State::waiting;
  }

  // Reads all that has come.
  //
  // @returns whether that makes an answer whole
  bool read(Connection& connection) {
    char bytes[16384];
    for (ssize_t count = sizeof bytes; count == sizeof bytes;) {
      count = receive(connection, bytes, sizeof bytes);
      if (count < 0 && errno == EAGAIN) break;
      if (count < 0) return fail(connection, std::strerror(errno)), false;
      if (count == 0) return fail(connection, "the server closed the connection"), false;
      connection.received.append(bytes, (size_t)count);
      if (connection.received.size() > kMostBytes) return fail(connection, "the answer is too long"), false;
    }
    return takeAnswer(connection);
  }

  // As recv does, and notes when the bytes arrived, which may be before anybody looked.
  ssize_t receive(Connection& connection, char* bytes, size_t most) {
    iovec into{bytes, most};
    alignas(cmsghdr) char notes[CMSG_SPACE(sizeof(timespec))];
    msghdr message{};
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_control = notes;
    message.msg_controllen = sizeof notes;
    const ssize_t count = recvmsg(connection.socket, &message, 0);
    if (count <= 0) return count;
    connection.arrivedMs = wallMs();
    if (const cmsghdr* note = CMSG_FIRSTHDR(&message); note && note->cmsg_type == SCM_TIMESTAMPNS) {
      timespec arrived;
      std::memcpy(&arrived, CMSG_DATA(note), sizeof arrived);
      connection.arrivedMs = toMs(arrived);
    }
    return count;
  }

  bool takeAnswer(Connection& connection) {
    const size_t headEnd = connection.received.find(kHeadEnd);
    if (headEnd == std::string::npos) return false;
    const std::string head = connection.received.substr(0, headEnd + 2);
    const char* const length = headerOf(head, "content-length");
    if (!length) return fail(connection, "the answer does not say its length"), false;
    const size_t end = headEnd + 4 + (size_t)std::atoll(length);
    if (connection.received.size() < end) return false;
    note(head, connection.arrivedMs - connection.sentMs);
    connection.received.erase(0, end);
    connection.state = Connection::State::idle;
    underWay--;
    return true;
  }

  void note(const std::string& head, double ms) {
    // HTTP/1.1 200 OK
    const std::string status = head.size() > 12 ? head.substr(9, 3) : head;
    if (status == "200") {
      report.answered++;
      report.latenciesMs.push_back(ms);
      if (const char* timing = headerOf(head, "server-timing")) noteServerTiming(report, timing);
      return;
    }
    report.failures[status]++;
    if (status != "429" && status != "503") return;
    report.refused++;
    report.refusedLatenciesMs.push_back(ms);
    if (headerOf(head, "retry-after")) report.withRetryAfter++;
  }

  // Waits for the sockets, reads and writes what there is, and hands each connection that has its answer to `onAnswer`.
  //
  // @returns whether there may be more
  template <typename Function>
  bool turn(int timeoutMs, Function&& onAnswer) {
    constexpr int kMost = 64;
    epoll_event events[kMost];
    const int count = epoll_wait(sockets, events, kMost, timeoutMs);
    for (int i = 0; i < count; i++) {
      Connection& connection = *(Connection*)events[i].data.ptr;
      if (connection.state == Connection::State::sending) write(connection);
      if (events[i].events & ~EPOLLOUT && connection.state != Connection::State::broken && read(connection)) onAnswer(connection);
    }
    return count == kMost;
  }

  void closedLoop(double untilMs) {
    for (size_t i = 0; i < job.clients; i++) send(open());
    while (underWay > 0) {
      turn(-1, [&](Connection& connection) {
        if (nowMs() < untilMs) send(connection);
      });
    }
  }

  // At every tick, answers are read, and then what is due by now leaves; each request takes an idle connection or opens one. An answer waits for the
  // tick, but the system has noted when it came.
  void openLoop(double beganMs, double untilMs) {
    const auto rest = [&](Connection& connection) { idle.push_back(&connection); };
    size_t due = 0;
    for (double now = nowMs(); now < untilMs; now = nowMs()) {
      while (turn(0, rest)) {
      }
      for (const double target = (now - beganMs) / 1000 * job.perSecond; (double)due < target; due++) sendOne();
      nanosleep(&kTick, nullptr);
    }
    while (underWay > 0) turn(-1, rest);
  }

  void sendOne() {
    while (!idle.empty()) {
      Connection& connection = *idle.back();
      idle.pop_back();
      if (connection.state == Connection::State::idle) return send(connection);
    }
    if (connections.size() < kMostConnections) return send(open());
    report.failures["more than " + std::to_string(kMostConnections) + " requests under way"]++;
  }
};

void print(const std::vector<double>& numbers) {
  for (size_t i = 0; i < numbers.size(); i++) std::printf(i ? ",%.4f" : "%.4f", numbers[i]);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += (unsigned char)c < ' ' ? '?' : c;
  }
  return out + '"';
}

template <typename Number>
void print(const char* name, const std::map<std::string, Number>& numbers) {
  std::printf(",\"%s\":{", name);
  const char* comma = "";
  for (const auto& [key, number] : numbers) {
    std::printf("%s%s:%.10g", comma, quoted(key).c_str(), (double)number);
    comma = ",";
  }
  std::printf("}");
}

void print(const Report& report, double elapsedMs, double usedMs) {
  std::printf("{\"answered\":%ld,\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"latenciesMs\":[", report.answered, elapsedMs, usedMs);
  print(report.latenciesMs);
  std::printf("],\"refused\":{\"count\":%ld,\"withRetryAfter\":%ld,\"latenciesMs\":[", report.refused, report.withRetryAfter);
  print(report.refusedLatenciesMs);
  std::printf("]}");
  print("failures", report.failures);
  print("serverTimingMs", report.serverTimingMs);
  std::printf("}\n");
}

}  // namespace

int main() {
  const Job job = readJob();
  const double usedMs = cpuMs(), beganMs = nowMs(), untilMs = beganMs + job.seconds * 1000;
  Load load{job, {}};
  if (job.clients > 0) load.closedLoop(untilMs);
  else load.openLoop(beganMs, untilMs);
  print(load.report, nowMs() - beganMs, cpuMs() - usedMs);
}
