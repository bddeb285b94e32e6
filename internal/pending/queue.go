// Package pending holds batches that were started on an asynchronous device and not yet waited for.
package pending

// Queue is a list of pending batches, oldest first. A loop starts a batch before it waits for the previous batch, so that the device
// computes while the host prepares:
//
//	var queue pending.Queue
//	for batch := range batches {
//		wait := start(batch)
//		queue.Add(func() error { return use(wait()) })
//		if err := queue.FinishAllBut(maxPending); err != nil {
//			return err
//		}
//	}
//	return queue.FinishAllBut(0)
//
// The zero value is an empty queue. It must not be used concurrently.
type Queue struct{ finish []func() error }

// Add appends a batch that was started. finish waits for it and uses its results.
func (q *Queue) Add(finish func() error) { q.finish = append(q.finish, finish) }

// Len returns the number of pending batches.
func (q *Queue) Len() int { return len(q.finish) }

// FinishAllBut finishes the oldest batches until at most n are pending. It stops at the first error. The failed batch is then no longer
// pending, later ones are.
func (q *Queue) FinishAllBut(n int) error {
	for len(q.finish) > n {
		oldest := q.finish[0]
		q.finish[0] = nil // its memory may be large
		q.finish = q.finish[1:]
		if err := oldest(); err != nil {
			return err
		}
	}
	return nil
}
