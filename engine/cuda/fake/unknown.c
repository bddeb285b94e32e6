// Every driver function that the program may call and the fake libraries do not have.
void sn_fake_unknown(const char *name);

#define DRIVER(name)                     \
	__attribute__((weak)) int name(void) { \
		sn_fake_unknown(#name);        \
		return 801;                      \
	}
#include "../driver_functions.h"
