// Package allocate computes the neuron allocation of a ScaleNet, that is the number of
// neurons (output channels) per scale and SA block: Algorithm 1 of the paper.
//
//  1. A seed network has the same number of neurons at every scale ([SeedNetwork]) and is
//     trained.
//  2. [ReadSeed] reads the importance of each neuron from the checkpoint: the absolute
//     weight |gamma| of its BatchNorm channel, or another [Measure].
//  3. [Seed.Allocate] keeps, in each block, the neurons with the highest score within a
//     [Budget].
//  4. The [Allocation] gives the structure of a new network, which is trained from
//     scratch. [Allocation.Write] and [Allocation.Plot] write reports and charts.
//
// [Even] returns the baseline, an even allocation with the same budget.
//
// Names: block k; scale l (from 1 in texts, from 0 in code); O_kl the cost of a neuron at
// a scale; O_k the budget of a block; V the importance |gamma|; p = V / O_kl^b the score.
//
// The same checkpoint and settings always give the same structure.
package allocate
