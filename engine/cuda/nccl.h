// NCCL, found when it is first needed: version 2.14 or later. Its waits have no time limit, so every communicator is one that does not block.
//
// Functions give 0, or -1 and a message of SN_MESSAGE bytes, or SN_LATE after more than `seconds` of waiting for other processes.
#ifndef SN_NCCL_H
#define SN_NCCL_H

#include "driver.h"

enum { SN_LATE = 1, SN_ID = 128 };

// Finds the library; version is 22105 and the like. The others may be called afterwards.
int sn_nccl_find(int *version, char *message);
int sn_nccl_file(char *file); // without a message
int sn_nccl_id(void *id, char *message); // writes SN_ID bytes

typedef struct sn_link sn_link;
// A link whose opening failed has to be aborted, too, where one is given.
int sn_link_open(sn_link **made, const void *id, int rank, int size, double seconds, char *message);

typedef struct {
	uint64_t at, bytes;
	int peer, receives;
} sn_parcel;
int sn_link_exchange(sn_link *l, const sn_parcel *parcels, int count, CUstream stream, double seconds, char *message);
// Waits for an event in a stream of the link's work.
int sn_link_wait(sn_link *l, CUevent event, double seconds, char *message);

// Each ends the link and frees it.
void sn_link_abort(sn_link *l);
int sn_link_close(sn_link *l, double seconds, char *message);

#endif
