// Package allocate decides how many neurons each scale of each SA block gets:
// Algorithm 1 of the paper.
//
// A seed network has the same number of neurons at every scale ([Seeded]) and
// is trained. [ReadSeed] takes from its checkpoint how much each neuron matters,
// the absolute weight of its BatchNorm channel; [Seed.Allocate] keeps, in each
// block, the neurons that matter most within a [Budget]. [Even] is what it is
// compared with: the same budget in equal parts. The outcome, an [Allocation],
// gives the structure to build the new network from, which is trained from
// scratch, and reports and images ([Allocation.Write],
// [Allocation.Plot]).
//
// Names: block k, scale l (from 1 in texts, from 0 in code), O_kl the cost of a
// neuron at a scale, O_k the budget, V the importance |gamma|, p = V / O_kl^b
// the score.
//
// Everything here is a function of its arguments: the same checkpoint gives the
// same structure, always.
package allocate
