#define _GNU_SOURCE // dladdr
#include "mpi.h"

#include <dlfcn.h>
#include <fenv.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// From mpi.h of Open MPI. Its handles are the addresses of objects in the library.
typedef void *handle;
enum { SUCCESS = 0, THREAD_FUNNELED = 1, MAX_ERROR_STRING = 256, MAX_VERSION_STRING = 256 };
typedef struct {
	long words[16]; // MPI_Status has 24 bytes
} status;

#define FUNCTIONS(F)                                                                  \
	F(Get_library_version, int, (char *, int *))                                      \
	F(Init_thread, int, (int *, char ***, int, int *))                                \
	F(Comm_rank, int, (handle, int *))                                                \
	F(Comm_size, int, (handle, int *))                                                \
	F(Comm_set_errhandler, int, (handle, handle))                                     \
	F(Isend, int, (const void *, int, handle, int, int, handle, handle *))            \
	F(Irecv, int, (void *, int, handle, int, int, handle, handle *))                  \
	F(Test, int, (handle *, int *, status *))                                         \
	F(Get_count, int, (const status *, handle, int *))                                \
	F(Error_string, int, (int, char *, int *))                                        \
	F(Abort, int, (handle, int))                                                      \
	F(Finalize, int, (void))

struct sc_mpi {
#define MEMBER(name, type, arguments) type(*name) arguments;
	FUNCTIONS(MEMBER)
	handle world, byte, errors_return;
	atomic_int stopped; // the code of sc_mpi_stop
};

struct sc_transfer {
	handle request;
	status status;
	int receive, bytes;
};

sc_mpi *sc_mpi_load(const char *name, char *message) {
	// Global: Open MPI's plugins look for its symbols there.
	void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
	if (!library) {
		snprintf(message, SC_MESSAGE, "Open MPI's library cannot be opened: %s", dlerror());
		return NULL;
	}
	sc_mpi *m = calloc(1, sizeof *m);
	m->world = dlsym(library, "ompi_mpi_comm_world");
	m->byte = dlsym(library, "ompi_mpi_byte");
	m->errors_return = dlsym(library, "ompi_mpi_errors_return");
	const char *lacks = !m->world || !m->byte || !m->errors_return ? "ompi_mpi_comm_world" : NULL;
#define FIND(name, type, arguments) \
	if (!(m->name = (type(*) arguments)dlsym(library, "MPI_" #name))) lacks = "MPI_" #name;
	FUNCTIONS(FIND)
	if (lacks) {
		snprintf(message, SC_MESSAGE, "%s has no %s: it is not Open MPI's library", name, lacks);
		free(m);
		return NULL;
	}
	return m;
}

int sc_mpi_version(sc_mpi *m, char *version, char *path) {
	char text[MAX_VERSION_STRING] = "";
	int length;
	Dl_info info;
	if (m->Get_library_version(text, &length) != SUCCESS || !dladdr((void *)m->Init_thread, &info)) return -1;
	text[strcspn(text, ",")] = 0; // "Open MPI v4.1.4, package: ..."
	snprintf(version, SC_MESSAGE, "%s", text);
	snprintf(path, SC_MESSAGE, "%s", info.dli_fname);
	return 0;
}

static int failed(sc_mpi *m, int code, const char *call, char *message) {
	if (code == SUCCESS) return 0;
	char text[MAX_ERROR_STRING + 1] = "";
	int length;
	m->Error_string(code, text, &length);
	snprintf(message, SC_MESSAGE, "MPI_%s: %s", call, text);
	return -1;
}
#define TRY(call, ...) failed(m, m->call(__VA_ARGS__), #call, message)

int sc_mpi_start(sc_mpi *m, int *rank, int *size, char *message) {
	int level;
	if (TRY(Init_thread, NULL, NULL, THREAD_FUNNELED, &level) || TRY(Comm_set_errhandler, m->world, m->errors_return) ||
	    TRY(Comm_rank, m->world, rank) || TRY(Comm_size, m->world, size))
		return -1;
	if (level < THREAD_FUNNELED) {
		snprintf(message, SC_MESSAGE, "Open MPI was built without support of threads");
		return -1;
	}
	// A library that was built for fast mathematics, of a network for example, makes tiny numbers zero on the thread that loads it. This
	// thread's sums would then differ from other threads'.
	fesetenv(FE_DFL_ENV);
	return 0;
}

int sc_mpi_begin(sc_mpi *m, sc_transfer **made, int receive, void *data, int bytes, int peer, int tag, char *message) {
	sc_transfer *t = calloc(1, sizeof *t);
	t->receive = receive;
	t->bytes = bytes;
	int bad = receive ? TRY(Irecv, data, bytes, m->byte, peer, tag, m->world, &t->request)
	                  : TRY(Isend, data, bytes, m->byte, peer, tag, m->world, &t->request);
	if (bad) {
		free(t);
		return -1;
	}
	*made = t;
	return 0;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

// Gives way at every turn: the peer may need this core. After 2 ms the wait is not part of a running exchange, and sleep costs little.
static void give_way(double waited) {
	if (waited < 2e-3) {
		sched_yield();
		return;
	}
	struct timespec pause = {0, 100000};
	nanosleep(&pause, NULL);
}

int sc_mpi_wait(sc_mpi *m, sc_transfer *t, double seconds, char *message) {
	double begin = now();
	for (;;) {
		int done = 0, count;
		if (TRY(Test, &t->request, &done, &t->status)) return -1;
		if (done) {
			if (t->receive && TRY(Get_count, &t->status, m->byte, &count)) return -1;
			if (t->receive && count != t->bytes) {
				snprintf(message, SC_MESSAGE, "%d bytes were sent, %d are expected", count, t->bytes);
				return -1;
			}
			free(t);
			return SC_DONE;
		}
		int code = atomic_load(&m->stopped);
		if (code) sc_mpi_abort(m, code);
		double waited = now() - begin;
		if (waited > seconds) return SC_LATE;
		give_way(waited);
	}
}

void sc_mpi_stop(sc_mpi *m, int code) { atomic_store(&m->stopped, code); }

void sc_mpi_abort(sc_mpi *m, int code) {
	m->Abort(m->world, code);
	_exit(code);
}

int sc_mpi_finish(sc_mpi *m, char *message) { return TRY(Finalize); }
