// Package schedule is the bounded queue between requests and the one worker that
// computes. It knows nothing of HTTP, images or models.
//
// A request first reserves its places, which fails at once when the queue is full
// or the wait would be too long, and prepares its work only then:
//
//	tickets, err := q.Reserve(1)          // ErrFull, ErrClosed: nothing was spent
//	defer tickets[0].Release()            // gives the place back if Do was not reached
//	value := decode(...)
//	waited, err := tickets[0].Do(ctx, key, value, free)
//
// Jobs are taken in the order in which they came; those of the same key further
// back may go along as a batch. A job whose context ends while it waits leaves
// the queue at once; one that is being computed is finished, and nobody waits
// for it.
package schedule
