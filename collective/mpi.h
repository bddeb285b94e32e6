// Open MPI, found when a group is opened. Its headers are not needed: what is used here is the same in versions 4.1 and 5.
//
// Functions give 0, or -1 and a message of SN_MESSAGE bytes. One thread calls all of them, except sn_mpi_stop.
#ifndef SN_MPI_H
#define SN_MPI_H

enum { SN_MESSAGE = 512 };

typedef struct sn_mpi sn_mpi;           // the library
typedef struct sn_transfer sn_transfer; // a message under way

// Opens the library, NULL and a message on failure. It stays open to the end of the process.
sn_mpi *sn_mpi_load(const char *name, char *message);

// Starts MPI; waits for all processes.
int sn_mpi_start(sn_mpi *m, int *rank, int *size, char *message);

// Begins to send or receive. The bytes must stay where they are until sn_mpi_wait has given 0.
int sn_mpi_begin(sn_mpi *m, sn_transfer **t, int receive, void *data, int bytes, int peer, int tag, char *message);

enum { SN_DONE = 0, SN_LATE = 1 };

// Waits for a transfer up to a time limit. Frees it if it is done; otherwise it goes on.
int sn_mpi_wait(sn_mpi *m, sn_transfer *t, double seconds, char *message);

// Lets the present wait, or the next, call sn_mpi_abort. For any thread.
void sn_mpi_stop(sn_mpi *m, int code);

// Ends all processes, this one too. The code is not 0.
void sn_mpi_abort(sn_mpi *m, int code);

// Ends MPI; waits for all processes.
int sn_mpi_finish(sn_mpi *m, char *message);

#endif
