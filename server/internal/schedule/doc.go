// Package schedule has the bounded queue between requests and the worker that runs
// inference. It does not depend on HTTP, images or models.
//
// A request first reserves queue slots. This fails at once if the queue is full or the
// estimated queueing time is too long. Only then does the request prepare its work:
//
//	tickets, err := q.Reserve(1)          // ErrFull, ErrClosed: no work was done
//	defer tickets[0].Release()            // frees the slot if Do was not called
//	value := decode(...)
//	waited, err := tickets[0].Do(ctx, key, value, free)
//
// Jobs run in the order of Do. Jobs with the same key may join a batch ahead of their
// turn. If the context of a waiting job ends, the job leaves the queue at once. A
// running job is finished, and its result is dropped.
package schedule
