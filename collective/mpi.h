// Open MPI, found when a group is opened. Its headers are not needed: what is used here is the same in versions 4.1 and 5.
//
// Functions give 0, or -1 and a message of SC_MESSAGE bytes. One thread calls all of them, except sc_mpi_stop.
#ifndef SC_MPI_H
#define SC_MPI_H

enum { SC_MESSAGE = 512 };

typedef struct sc_mpi sc_mpi;           // the library
typedef struct sc_transfer sc_transfer; // a message under way

// Opens the library, NULL and a message on failure. It stays open to the end of the process.
sc_mpi *sc_mpi_load(const char *name, char *message);

// Gives the name and version, and the file; without MPI being started, and without a message.
int sc_mpi_version(sc_mpi *m, char *version, char *path);

// Starts MPI; waits for all processes.
int sc_mpi_start(sc_mpi *m, int *rank, int *size, char *message);

// Begins to send or receive. The bytes must stay where they are until sc_mpi_wait has given 0.
int sc_mpi_begin(sc_mpi *m, sc_transfer **t, int receive, void *data, int bytes, int peer, int tag, char *message);

enum { SC_DONE = 0, SC_LATE = 1 };

// Waits for a transfer up to a time limit. Frees it if it is done; otherwise it goes on.
int sc_mpi_wait(sc_mpi *m, sc_transfer *t, double seconds, char *message);

// Lets the present wait, or the next, call sc_mpi_abort. For any thread.
void sc_mpi_stop(sc_mpi *m, int code);

// Ends all processes, this one too. The code is not 0.
void sc_mpi_abort(sc_mpi *m, int code);

// Ends MPI; waits for all processes.
int sc_mpi_finish(sc_mpi *m, char *message);

#endif
