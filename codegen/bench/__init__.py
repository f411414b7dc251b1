"""The benchmark: our kernels and their peers on the same layers, in turns, in one run; `gen-conv bench` runs it.

case        a layer with arrays, and the answer that every contestant must give
contestant  one way to compute a case, ready to be timed
peers       who is compared, from Python and from C
drivers     the C programs of bench/drivers, compiled and opened
machine     what the machine allows: multiply-adds and bytes a second
timing      alternating rounds
contest     all of it, case by case, to results
beside_pytorch  gradients and steps of training, whose one peer is PyTorch
results     ratios, shares of the peak, the JSON document
table, picture
"""
