// libnccl: communicators of processes, or threads, of one host that do not block. Ranks are connected by sockets, whose names are made of the ID; the
// end of a process is an error of the others, as with the real library. A mismatch of counts, which hangs or spoils memory there, ends the
// process here.
#include "streams.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SUCCESS = 0, SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, REMOTE_ERROR = 6, IN_PROGRESS = 7, UINT8 = 1 };

struct unique_id {
	char bytes[128];
};
struct config {
	size_t size;
	unsigned magic, version;
	int blocking;
};

struct hello {
	int rank, device;
};

// A block that is sent or received, with its length before it.
struct block {
	uint64_t length, at;
	size_t moved; // bytes, those of the length included
	uint64_t theirs; // the length that was received
};
struct peer {
	int socket = -1;
	bool greeted = false, told = false;
	std::deque<block *> sends, receives; // in order
};
struct work {
	std::vector<block> blocks;
	std::vector<std::pair<int, bool>> of; // peer, receives
	size_t left;
};

struct state {
	int rank, size, device, listener = -1, error = SUCCESS;
	bool connected = false, busy = true, aborted = false, finalizing = false;
	std::string name;
	std::vector<peer> peers;
	size_t under_way = 0;
	~state() {
		if (listener >= 0) close(listener);
		for (auto &p : peers)
			if (p.socket >= 0) close(p.socket);
	}
};
struct ncclComm {
	std::shared_ptr<state> s;
};
typedef ncclComm *comm;


// The group of the calling thread.
struct call {
	comm c;
	bool receives;
	int to;
	uint64_t at, bytes;
	CUstream stream;
};
static thread_local int depth;
static thread_local std::vector<call> calls;

static sockaddr_un address(const std::string &name, int rank, socklen_t *length) {
	sockaddr_un a = {};
	a.sun_family = AF_UNIX;
	std::string path = name + "-" + std::to_string(rank);
	memcpy(a.sun_path + 1, path.data(), path.size()); // no file: the name goes with the socket
	*length = (socklen_t)(offsetof(sockaddr_un, sun_path) + 1 + path.size());
	return a;
}

static int connect_to(const std::string &name, int rank) {
	socklen_t length;
	sockaddr_un a = address(name, rank, &length);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && connect(s, (sockaddr *)&a, length) == 0) return s;
	if (s >= 0) close(s);
	return -1;
}

// Goes on with the connections: to lower ranks, from higher ones.
static void meet(state &s) {
	hello mine = {s.rank, s.device};
	for (int r = 0; r < s.rank; r++) {
		peer &p = s.peers[r];
		if (p.socket < 0) p.socket = connect_to(s.name, r);
		if (p.socket >= 0 && !p.told) p.told = send(p.socket, &mine, sizeof mine, MSG_NOSIGNAL) == sizeof mine;
	}
	for (int from; (from = accept4(s.listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
		hello theirs;
		if (recv(from, &theirs, sizeof theirs, MSG_WAITALL) != sizeof theirs || theirs.rank <= s.rank || theirs.rank >= s.size) fail("NCCL: a wrong rank joins");
		peer &p = s.peers[theirs.rank];
		if (p.socket >= 0) fail("NCCL: rank %d joins twice", theirs.rank);
		p.socket = from;
		p.greeted = true;
		if (theirs.device == s.device) s.error = INVALID_USAGE;
		if (send(from, &mine, sizeof mine, MSG_NOSIGNAL) != sizeof mine) s.error = REMOTE_ERROR;
	}
	bool all = true;
	for (int r = 0; r < s.size; r++) {
		peer &p = s.peers[r];
		if (r == s.rank || p.greeted) continue;
		hello theirs;
		if (p.socket >= 0 && recv(p.socket, &theirs, sizeof theirs, MSG_DONTWAIT) == sizeof theirs) {
			p.greeted = true;
			if (theirs.device == s.device) s.error = INVALID_USAGE;
		}
		all = all && p.greeted;
	}
	if (all) s.connected = true, s.busy = false;
}

// Moves what the socket takes of a block; whether all of it has moved.
static bool move(state &s, peer &p, block &b, bool receives) {
	const size_t head = sizeof b.length, all = head + b.length;
	while (b.moved < all) {
		bool in_head = b.moved < head;
		char *data = in_head ? (char *)(receives ? &b.theirs : &b.length) + b.moved : (char *)resolve(b.at, b.length, 1, "NCCL") + (b.moved - head);
		size_t n = in_head ? head - b.moved : all - b.moved;
		ssize_t moved = receives ? recv(p.socket, data, n, MSG_DONTWAIT) : send(p.socket, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
		if (moved <= 0) {
			s.error = REMOTE_ERROR;
			return false;
		}
		b.moved += moved;
		if (receives && b.moved == head && b.theirs != b.length)
			fail("NCCL: rank %d receives %zu bytes of a send of %zu", s.rank, (size_t)b.length, (size_t)b.theirs);
	}
	return true;
}

// Goes on with a group's transfers; whether they are done.
static bool progress(state &s, work &w) {
	if (s.aborted) return true;
	if (s.error) return false;
	for (auto &p : s.peers)
		for (bool receives : {false, true}) {
			auto &queue = receives ? p.receives : p.sends;
			while (!queue.empty() && move(s, p, *queue.front(), receives)) queue.pop_front(), w.left--;
		}
	if (w.left == 0) s.under_way--;
	return w.left == 0;
}

static int run_group(const std::vector<call> &list) {
	if (list.empty()) return SUCCESS;
	auto s = list[0].c->s;
	auto w = std::make_shared<work>();
	std::vector<struct access> touches;
	for (auto &c : list) {
		if (c.c->s != s || c.stream != list[0].stream) fail("NCCL: a group of two communicators or streams");
		w->blocks.push_back({c.bytes, c.at, 0, 0});
		w->of.push_back({c.to, c.receives});
		if (c.bytes) touches.push_back({c.at, c.at + c.bytes, c.receives});
	}
	w->left = list.size();
	auto started = std::make_shared<bool>(false);
	bool queued = enqueue_shared(list[0].stream, "NCCL's group", touches, [=] {
		LOCKED;
		if (!*started) {
			*started = true;
			for (size_t i = 0; i < w->blocks.size(); i++) {
				peer &p = s->peers[w->of[i].first];
				(w->of[i].second ? p.receives : p.sends).push_back(&w->blocks[i]);
			}
		}
		return progress(*s, *w);
	});
	if (!queued) return INVALID_ARGUMENT;
	s->under_way++;
	s->busy = true; // until it is asked
	return IN_PROGRESS;
}

static int checked(const char *name, comm c) {
	if (!c) return INVALID_ARGUMENT;
	if (c->s->busy) fail("%s while the communicator is busy", name);
	return c->s->error;
}

static int add(const char *name, bool receives, const void *at, size_t count, int type, int to, comm c, CUstream stream) {
	LOCKED;
	if (wanted_to_fail(name)) return SYSTEM_ERROR;
	if (!depth) fail("%s outside of a group", name);
	if (int bad = checked(name, c)) return bad;
	if (!has_context() || current_device() != c->s->device) fail("%s on another GPU than the communicator's", name);
	if (type != UINT8) fail("%s of type %d", name, type);
	if (to < 0 || to >= c->s->size || to == c->s->rank) return INVALID_ARGUMENT;
	resolve((uint64_t)at, count, 1, name);
	calls.push_back({c, receives, to, (uint64_t)at, count, stream});
	return SUCCESS;
}

extern "C" {

int ncclGetVersion(int *v) {
	*v = (int)setting("NCCL", 22105);
	return SUCCESS;
}
int ncclGetUniqueId(unique_id *id) {
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	uint64_t drawn[2];
	if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn) return SYSTEM_ERROR;
	memset(id, 0, sizeof *id);
	snprintf(id->bytes, sizeof id->bytes, "fake-nccl-%016llx%016llx", (unsigned long long)drawn[0], (unsigned long long)drawn[1]);
	return SUCCESS;
}
int ncclCommInitRankConfig(comm *c, int size, unique_id id, int rank, config *o) {
	LOCKED;
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	if (o->size < sizeof *o || o->magic != 0xcafebeef || o->version < 21400) return INVALID_ARGUMENT;
	if (o->blocking) fail("NCCL: a communicator that blocks waits for other processes without an end");
	if (!has_context() || rank < 0 || rank >= size) return INVALID_ARGUMENT;
	auto s = std::make_shared<state>();
	s->rank = rank, s->size = size, s->device = current_device(), s->name = id.bytes;
	s->peers.resize(size);
	socklen_t length;
	sockaddr_un a = address(s->name, rank, &length);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (sockaddr *)&a, length) || listen(s->listener, size)) return SYSTEM_ERROR;
	*c = new ncclComm{s};
	count_alive("NCCL communicators", 1);
	return IN_PROGRESS;
}
int ncclCommGetAsyncError(comm c, int *error) {
	LOCKED;
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	state &s = *c->s;
	if (!s.connected) meet(s);
	else s.busy = false;
	*error = s.error ? s.error : s.busy ? IN_PROGRESS : SUCCESS;
	return SUCCESS;
}
int ncclCommAbort(comm c) {
	LOCKED;
	c->s->aborted = true;
	for (auto &p : c->s->peers) p.sends.clear(), p.receives.clear();
	for (auto &p : c->s->peers)
		if (p.socket >= 0) close(p.socket), p.socket = -1;
	count_alive("NCCL communicators", -1);
	delete c;
	return SUCCESS;
}
int ncclCommFinalize(comm c) {
	LOCKED;
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	if (int bad = checked(__func__, c)) return bad;
	if (c->s->under_way) fail("ncclCommFinalize while nobody has waited for its work");
	c->s->finalizing = c->s->busy = true;
	return IN_PROGRESS;
}
int ncclCommDestroy(comm c) {
	LOCKED;
	if (!c->s->finalizing || c->s->busy) fail("ncclCommDestroy of a communicator that is not finalized");
	count_alive("NCCL communicators", -1);
	delete c;
	return SUCCESS;
}
int ncclSend(const void *at, size_t count, int type, int to, comm c, CUstream s) { return add(__func__, false, at, count, type, to, c, s); }
int ncclRecv(void *at, size_t count, int type, int from, comm c, CUstream s) { return add(__func__, true, at, count, type, from, c, s); }
int ncclGroupStart(void) {
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	depth++;
	return SUCCESS;
}
int ncclGroupEnd(void) {
	LOCKED;
	if (!depth) fail("ncclGroupEnd without ncclGroupStart");
	std::vector<call> list;
	if (--depth == 0) list.swap(calls);
	if (wanted_to_fail(__func__)) return SYSTEM_ERROR;
	return depth ? SUCCESS : run_group(list);
}
const char *ncclGetErrorString(int status) {
	switch (status) {
	case SYSTEM_ERROR: return "unhandled system error";
	case INVALID_ARGUMENT: return "invalid argument";
	case INVALID_USAGE: return "invalid usage";
	case REMOTE_ERROR: return "remote process exited or there was a network error";
	}
	return "internal error";
}
const char *ncclGetLastError(comm) { return "a fake reason\nin lines"; }
}
