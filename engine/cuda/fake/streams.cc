// libcuda: streams, events, graphs, and whether they order what touches the same memory.
#include "streams.h"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

// What has happened, by stream: how much of its work. Work happens before other work if that knows of it; the host knows what it has waited
// for, and so does all that it asks for afterwards.
typedef std::map<uint64_t, uint64_t> clock_of;
static void learn(clock_of &c, const clock_of &other) {
	for (auto &[stream, count] : other) c[stream] = std::max(c[stream], count);
}
static thread_local clock_of host;

struct work {
	std::string name;
	std::function<void()> run;
	std::vector<access> touches;
};
struct touched {
	uint64_t count; // of its stream's work
	std::string name;
	access what;
};
struct ticket { // of a recorded event
	bool done = false;
	CUstream stream;
	clock_of known;
};
struct CUgraph_st {
	std::vector<work> list;
};
struct CUgraphExec_st {
	std::vector<work> list;
};
struct queued {
	std::function<void()> run;
	std::function<bool()> try_to_run; // instead of run, of work that other processes take part in
};
struct CUstream_st {
	uint64_t id;
	std::deque<queued> queue;
	std::thread::id owner; // a device's thread
	CUgraph_st *capture = nullptr;
	bool running = false;
	clock_of known;
	std::deque<touched> log; // of what the host has not waited for
};
struct CUevent_st {
	std::shared_ptr<ticket> last;
};
static std::set<CUstream> streams;
static std::set<CUevent> events;

// Work of two streams that touches the same memory, one to write, must be in an order, whatever order it happens to run in.
static void want_order(CUstream s, const work &w) {
	for (auto other : streams) {
		if (other == s) continue;
		uint64_t known = s->known[other->id];
		for (auto &t : other->log) {
			if (t.count <= known) continue;
			for (auto &a : w.touches)
				if (a.from < t.what.to && t.what.from < a.to && (a.writes || t.what.writes))
					fail("%s and %s of another stream touch the same memory, and nothing orders them", w.name.c_str(), t.name.c_str());
		}
	}
}

std::vector<access> beginnings(std::initializer_list<const void *> pointers) {
	std::vector<access> list;
	for (auto p : pointers)
		if (p) list.push_back({(uint64_t)p, (uint64_t)p + 1, true});
	return list;
}

static bool put(CUstream s, work w, std::function<bool()> try_to_run) {
	LOCKED;
	if (!streams.count(s)) return false;
	if (s->capture) {
		if (try_to_run) fail("%s while the stream is captured", w.name.c_str());
		s->capture->list.push_back(std::move(w));
		return true;
	}
	learn(s->known, host);
	want_order(s, w);
	uint64_t count = ++s->known[s->id];
	for (auto &a : w.touches) s->log.push_back({count, w.name, a});
	s->queue.push_back({std::move(w.run), std::move(try_to_run)});
	return true;
}
bool enqueue(CUstream s, const char *name, std::vector<access> touches, std::function<void()> run) {
	return put(s, {name, std::move(run), std::move(touches)}, nullptr);
}
bool enqueue_shared(CUstream s, const char *name, std::vector<access> touches, std::function<bool()> try_to_run) {
	return put(s, {name, nullptr, std::move(touches)}, std::move(try_to_run));
}

// Whether the next work has run; only work that waits for another process has not.
static bool tried_next(CUstream s) {
	queued next = std::move(s->queue.front());
	s->queue.pop_front();
	if (!next.try_to_run) {
		next.run();
	} else if (!next.try_to_run()) {
		s->queue.push_front(std::move(next));
		return false;
	}
	return true;
}
static void run_next(CUstream s) {
	if (!tried_next(s)) fail("a wait without an end for work that another process holds up");
}
static void drain(CUstream s) {
	if (s->running) fail("streams wait for each other");
	s->running = true;
	while (!s->queue.empty()) run_next(s);
	s->running = false;
}
static void drain_until(const std::shared_ptr<ticket> &t) {
	while (!t->done) {
		if (!streams.count(t->stream)) fail("an event of a stream that was destroyed");
		if (t->stream->queue.empty()) fail("an event that never comes");
		run_next(t->stream);
	}
}
// The host has waited for what a clock knows.
static void waited(const clock_of &known) {
	learn(host, known);
	for (auto s : streams)
		while (!s->log.empty() && s->log.front().count <= host[s->id]) s->log.pop_front();
}

void want_idle(const char *call) {
	for (auto s : streams) {
		if (s->owner != std::this_thread::get_id()) continue;
		if (s->capture) fail("%s while a stream is captured", call);
		if (!s->queue.empty()) fail("%s while a stream has work that nobody has waited for", call);
	}
}
bool capturing() {
	for (auto s : streams)
		if (s->capture) return true;
	return false;
}
void drain_all() {
	for (auto s : streams) drain(s), waited(s->known);
}
size_t streams_left() { return streams.size(); }
size_t events_left() { return events.size(); }

extern "C" {

CUresult cuStreamCreate(CUstream *s, unsigned flags) {
	NEEDS_CONTEXT;
	if (flags != CU_STREAM_NON_BLOCKING) fail("a stream that waits for the default stream");
	static uint64_t made;
	streams.insert(*s = new CUstream_st);
	(*s)->id = ++made;
	(*s)->owner = std::this_thread::get_id();
	return CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream s) {
	LOCKED;
	if (!streams.count(s)) fail("cuStreamDestroy of no stream");
	if (!s->queue.empty()) fail("a stream is destroyed that has work which nobody has waited for");
	streams.erase(s);
	delete s;
	return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream s) {
	NEEDS_CONTEXT;
	if (!streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
	if (s->capture) fail("cuStreamSynchronize while the stream is captured");
	drain(s);
	waited(s->known);
	return CUDA_SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
	NEEDS_CONTEXT;
	if (!events.count(e) || !streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
	auto t = e->last;
	if (!t) return CUDA_SUCCESS;
	if (s->capture) fail("an event from outside is waited for while the stream is captured");
	enqueue(s, __func__, {}, [=] { drain_until(t); });
	learn(s->known, t->known);
	return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *e, unsigned) {
	NEEDS_CONTEXT;
	events.insert(*e = new CUevent_st);
	return CUDA_SUCCESS;
}
CUresult cuEventDestroy_v2(CUevent e) {
	LOCKED;
	if (!events.erase(e)) fail("cuEventDestroy of no event");
	delete e;
	return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent e, CUstream s) {
	NEEDS_CONTEXT;
	if (!events.count(e) || !streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
	if (s->capture) fail("an event is recorded while the stream is captured");
	auto t = std::make_shared<ticket>();
	t->stream = s;
	e->last = t;
	enqueue(s, __func__, {}, [=] { t->done = true; });
	t->known = s->known;
	return CUDA_SUCCESS;
}
CUresult cuEventSynchronize(CUevent e) {
	NEEDS_CONTEXT;
	if (!events.count(e)) return CUDA_ERROR_INVALID_HANDLE;
	if (!e->last) return CUDA_SUCCESS;
	drain_until(e->last);
	waited(e->last->known);
	return CUDA_SUCCESS;
}
CUresult cuEventQuery(CUevent e) {
	NEEDS_CONTEXT;
	if (!events.count(e)) return CUDA_ERROR_INVALID_HANDLE;
	if (!e->last) return CUDA_SUCCESS;
	while (!e->last->done)
		if (!tried_next(e->last->stream)) return CUDA_ERROR_NOT_READY;
	waited(e->last->known);
	return CUDA_SUCCESS;
}
CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
	NEEDS_CONTEXT;
	if (!events.count(a) || !events.count(b) || !a->last || !b->last) return CUDA_ERROR_INVALID_HANDLE;
	if (!a->last->done || !b->last->done) return CUDA_ERROR_NOT_READY;
	*ms = 0.001f;
	return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode) {
	NEEDS_CONTEXT;
	if (!streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
	if (s->capture) fail("a stream is captured twice");
	s->capture = new CUgraph_st;
	count_alive("graphs", 1);
	return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
	LOCKED;
	if (!current || !streams.count(s) || !s->capture) return CUDA_ERROR_ILLEGAL_STATE;
	*g = s->capture;
	s->capture = nullptr;
	if (!wanted_to_fail(__func__)) return CUDA_SUCCESS;
	count_alive("graphs", -1); // a capture that something has spoiled ends, too
	delete *g;
	*g = nullptr;
	return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long) {
	NEEDS_CONTEXT;
	*e = new CUgraphExec_st{g->list};
	count_alive("executable graphs", 1);
	return CUDA_SUCCESS;
}
CUresult cuGraphLaunch(CUgraphExec e, CUstream s) {
	NEEDS_CONTEXT;
	auto list = e->list;
	std::vector<access> touches;
	for (auto &w : list) touches.insert(touches.end(), w.touches.begin(), w.touches.end());
	return enqueue(s, "a graph", touches, [=] {
		for (auto &w : list) w.run();
	}) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuGraphDestroy(CUgraph g) {
	LOCKED;
	count_alive("graphs", -1);
	delete g;
	return CUDA_SUCCESS;
}
CUresult cuGraphExecDestroy(CUgraphExec e) {
	LOCKED;
	count_alive("executable graphs", -1);
	delete e;
	return CUDA_SUCCESS;
}
}
