//go:build gpu

#define _GNU_SOURCE // dladdr
#include "nccl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// What is used of nccl.h, which is not among CUDA's headers; it is the same in versions 2.14 and later.
enum { SUCCESS = 0, IN_PROGRESS = 7, UINT8 = 1, MIN_VERSION = 21400 };
typedef struct communicator *comm;
typedef struct {
	char bytes[SN_ID];
} unique_id;
typedef struct { // the members of version 2.14, which later ones complete with their defaults
	size_t size;
	unsigned magic, version;
	int blocking;
} config;

#define FUNCTIONS(F)                                                                 \
	F(GetVersion, int, (int *))                                                      \
	F(GetUniqueId, int, (unique_id *))                                               \
	F(CommInitRankConfig, int, (comm *, int, unique_id, int, config *))              \
	F(CommGetAsyncError, int, (comm, int *))                                         \
	F(CommAbort, int, (comm))                                                        \
	F(CommFinalize, int, (comm))                                                     \
	F(CommDestroy, int, (comm))                                                      \
	F(Send, int, (const void *, size_t, int, int, comm, CUstream))                   \
	F(Recv, int, (void *, size_t, int, int, comm, CUstream))                         \
	F(GroupStart, int, (void))                                                       \
	F(GroupEnd, int, (void))                                                         \
	F(GetErrorString, const char *, (int))                                           \
	F(GetLastError, const char *, (comm))

#define POINTER(name, type, arguments) static type(*p_##name) arguments;
FUNCTIONS(POINTER)

int sn_nccl_find(int *version, char *message) {
	static void *found;
	if (!found) {
		void *library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
		if (!library) {
			snprintf(message, SN_MESSAGE, "no NCCL on this machine (%s)", dlerror());
			return -1;
		}
#define FIND(name, type, arguments)                                                                     \
	if (!(p_##name = (type(*) arguments)dlsym(library, "nccl" #name))) {                                \
		snprintf(message, SN_MESSAGE, "NCCL has no nccl" #name ": version 2.14 or later is needed"); \
		return -1;                                                                                      \
	}
		FUNCTIONS(FIND)
		found = library;
	}
	if (p_GetVersion(version) != SUCCESS || *version < MIN_VERSION) {
		snprintf(message, SN_MESSAGE, "NCCL is version %d.%d, 2.14 is needed", *version / 10000, *version / 100 % 100);
		return -1;
	}
	return 0;
}

static int failed(int status, const char *call, comm c, char *message) {
	if (status == SUCCESS) return 0;
	const char *more = p_GetLastError(c);
	int cut = more ? (int)strcspn(more, "\n") : 0; // a line
	snprintf(message, SN_MESSAGE, "nccl%s: %s%s%.*s", call, p_GetErrorString(status), cut ? ": " : "", cut, cut ? more : "");
	return -1;
}

int sn_nccl_file(char *file) {
	Dl_info info;
	if (!dladdr((void *)p_GetVersion, &info)) return -1;
	snprintf(file, SN_MESSAGE, "%s", info.dli_fname);
	return 0;
}

int sn_nccl_id(void *id, char *message) { return failed(p_GetUniqueId(id), "GetUniqueId", NULL, message); }

struct sn_link {
	comm c;
};

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void pause_from(double begin) {
	struct timespec pause = {0, now() - begin < 0.1 ? 20000 : 1000000};
	nanosleep(&pause, NULL);
}

// Waits for what a call has begun.
static int settle(sn_link *l, int status, const char *call, double seconds, char *message) {
	for (double begin = now(); status == IN_PROGRESS;) {
		if (p_CommGetAsyncError(l->c, &status) != SUCCESS) status = status == IN_PROGRESS || status == SUCCESS ? 3 : status;
		if (status != IN_PROGRESS) break;
		if (now() - begin > seconds) return SN_LATE;
		pause_from(begin);
	}
	return failed(status, call, l->c, message);
}

int sn_link_open(sn_link **made, const void *id, int rank, int size, double seconds, char *message) {
	sn_link *l = *made = calloc(1, sizeof *l);
	config c = {sizeof c, 0xcafebeef, MIN_VERSION, 0};
	unique_id u;
	memcpy(&u, id, sizeof u);
	return settle(l, p_CommInitRankConfig(&l->c, size, u, rank, &c), "CommInitRankConfig", seconds, message);
}

int sn_link_exchange(sn_link *l, const sn_parcel *parcels, int count, CUstream stream, double seconds, char *message) {
	if (failed(p_GroupStart(), "GroupStart", l->c, message)) return -1;
	int bad = 0;
	for (const sn_parcel *p = parcels; p < parcels + count && !bad; p++)
		bad = p->receives ? failed(p_Recv((void *)p->at, p->bytes, UINT8, p->peer, l->c, stream), "Recv", l->c, message)
		                  : failed(p_Send((void *)p->at, p->bytes, UINT8, p->peer, l->c, stream), "Send", l->c, message);
	int status = p_GroupEnd();
	return bad ? bad : settle(l, status, "GroupEnd", seconds, message);
}

int sn_link_wait(sn_link *l, CUevent event, double seconds, char *message) {
	for (double begin = now();;) {
		CUresult done = cuEventQuery(event);
		if (done == CUDA_SUCCESS) return 0;
		if (done != CUDA_ERROR_NOT_READY) {
			snprintf(message, SN_MESSAGE, "cuEventQuery: error %d of the CUDA driver", done);
			return -1;
		}
		int status = SUCCESS, asked = p_CommGetAsyncError(l->c, &status);
		if (failed(asked != SUCCESS ? asked : status == IN_PROGRESS ? SUCCESS : status, "CommGetAsyncError", l->c, message)) return -1;
		if (now() - begin > seconds) return SN_LATE;
		pause_from(begin);
	}
}

void sn_link_abort(sn_link *l) {
	if (l->c) p_CommAbort(l->c);
	free(l);
}

int sn_link_close(sn_link *l, double seconds, char *message) {
	int bad = settle(l, p_CommFinalize(l->c), "CommFinalize", seconds, message);
	if (bad) {
		sn_link_abort(l);
		return bad;
	}
	bad = failed(p_CommDestroy(l->c), "CommDestroy", NULL, message);
	free(l);
	return bad;
}
