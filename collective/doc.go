// Package collective lets several processes work on one training: they wait for each other, hand blocks of bytes round, and sum gradients
// so that every number of processes gets the same bits.
//
// # Groups
//
// A [Group] is the processes of one run. [Open] finds the group that this process was started in: by mpirun or srun it is Open MPI's,
// otherwise it is this process alone. [NewLocal] makes a group of goroutines, for tests. Every process calls the same operations in the same
// order, from one goroutine at a time. Only Abort may be called at any moment.
//
// Every wait has a time limit. A process that waits longer gets an [*Error], which names both processes, their hosts, the operation and the
// step. After an error the group is broken: all further calls give the same error. The caller then calls Abort, which ends the others too.
//
// # Open MPI
//
// Nothing is linked. libmpi.so.40 is opened at run time, and only in a process that a launcher has started as one of several. Versions 4.1
// and 5 are supported. One OS thread makes all of MPI's calls (MPI_THREAD_FUNNELED); the group owns it. Only MPI_Isend, MPI_Irecv and
// MPI_Test move data. The waiting is ours: MPI's own has no time limit, and it spins without giving way to another process on the same core.
//
// A process that was started by mpirun must not hand its environment to a child that may use MPI: the child would join in the
// parent's place. [ChildEnvironment] leaves those variables out.
//
// # The sum
//
// A step has M micro-batches. Their gradients have places 0 to M-1 and are summed along the stride tree:
//
//	for d := 1; d < M; d *= 2 {
//		for i := 0; i+d < M; i += 2 * d {
//			x[i] += x[i+d]
//		}
//	}
//
// The tree depends on M only. Process r of N has the places from M*r/N up to M*(r+1)/N. Those places are a few whole nodes of the tree: one
// where M/N is a power of two, else a few more. A process sums a node as its gradients come, like a binary counter: the sums of
// finished nodes wait for their siblings. So it holds at most log2(M) + 1 blocks, and up to twice that where its places begin inside a node.
//
// What is missing is absent, not zero: x + absent = x. A micro-batch can lack the gradient of a parameter, and the last step of an epoch has
// fewer micro-batches. Zero would not do: -0 + 0 is 0, and a parameter without any gradient must stay as it is.
//
// At the end of the step the processes tell each other what they have, and exchange their nodes in one of two ways. Both add the same pairs of
// numbers, and it does not matter which process adds a pair, as a + b = b + a. The exception are two NaNs, of which the sum keeps either; so a
// sum that is NaN is always the same NaN.
//
//   - Halving and doubling, where every process has exactly one node and N is a power of two. Processes 2k and 2k+1 swap halves of their block:
//     each adds the half that it keeps. Then the neighbours at distance 2 do so with that half, then at distance 4, which is the order of the tree.
//     At the end each process has 1/N of the sum. The way back collects it.
//   - Slices with owners, otherwise. Process r owns slice r of the block. It gets that slice of all nodes, adds them in the order of
//     the tree and sends the sum to all.
//
// Both work in segments of 1 MB, several of which are on their way while one is added.
//
// A [DeviceReduction] sums gradients in the memory of GPUs that NCCL connects, always by slices with owners. It adds with a kernel of our own, as NCCL's
// own sums depend on the number of processes. What the processes tell each other still goes by the group.
//
// With [BFloat16] on the wire half as many bytes travel. Then every value in the tree is rounded to bfloat16: each gradient, and each sum.
// This is also done where nothing travels, inside a process or with only one. Otherwise the rounding would depend on N.
package collective
