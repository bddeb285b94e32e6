// Every driver function that the program may call and the double does not have.
void sn_double_unknown(const char *name);

#define DRIVER(name)                     \
	__attribute__((weak)) int name(void) { \
		sn_double_unknown(#name);        \
		return 801;                      \
	}
#include "../driver_functions.h"
