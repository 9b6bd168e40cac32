/**
 * Reorders `order[first..last)` so that the item which sorting would put at `nth` stands there, smaller ones before it
 * and larger ones behind: the partial sort `std::nth_element` of GNU libstdc++, step by step.
 *
 * What matters is the order *within* both parts, which the C++ standard leaves open: scikit-learn's trees list their
 * points in it, and so it decides which of two equally near points the authors' code takes. The steps are those of
 * libstdc++'s introselect: quickselect with the median of three as pivot, heap selection once 2·log2(n) partitions did
 * not suffice, insertion sort of the last three.
 *
 * @param order - Indices into `values`; changed in place.
 * @param values - What to order by; equal values by index.
 */
export function nthElement(order, values, first, nth, last) {
    if (first === last || nth === last)
        return;
    let begin = first;
    let end = last;
    let partitionsLeft = 2 * (31 - Math.clz32(last - first));
    while (end - begin > 3) {
        if (partitionsLeft === 0) {
            heapSelect(order, values, begin, nth + 1, end);
            swap(order, begin, nth);
            return;
        }
        partitionsLeft--;
        const cut = partitionAroundMedian(order, values, begin, end);
        if (cut <= nth)
            begin = cut;
        else
            end = cut;
    }
    insertionSort(order, values, begin, end);
}
function isBefore(values, a, b) {
    const valueA = values[a] ?? 0;
    const valueB = values[b] ?? 0;
    return valueA === valueB ? a < b : valueA < valueB;
}
function swap(order, one, other) {
    const kept = order[one] ?? 0;
    order[one] = order[other] ?? 0;
    order[other] = kept;
}
/** Puts the median of the second, middle and last item first and partitions the others around it. */
function partitionAroundMedian(order, values, begin, end) {
    const middle = begin + ((end - begin) >> 1);
    swap(order, begin, medianOf(order, values, begin + 1, middle, end - 1));
    const pivot = order[begin] ?? 0;
    let left = begin + 1;
    let right = end;
    for (;;) {
        while (isBefore(values, order[left] ?? 0, pivot))
            left++;
        right--;
        while (isBefore(values, pivot, order[right] ?? 0))
            right--;
        if (left >= right)
            return left;
        swap(order, left, right);
        left++;
    }
}
function medianOf(order, values, a, b, c) {
    const atA = order[a] ?? 0;
    const atB = order[b] ?? 0;
    const atC = order[c] ?? 0;
    if (isBefore(values, atA, atB)) {
        if (isBefore(values, atB, atC))
            return b;
        return isBefore(values, atA, atC) ? c : a;
    }
    if (isBefore(values, atA, atC))
        return a;
    return isBefore(values, atB, atC) ? c : b;
}
/** Leaves the smallest `middle - begin` items in `[begin, middle)` as a heap, the largest of them first. */
function heapSelect(order, values, begin, middle, end) {
    const size = middle - begin;
    for (let parent = (size - 2) >> 1; parent >= 0; parent--) {
        siftDown(order, values, begin, parent, size, order[begin + parent] ?? 0);
    }
    for (let k = middle; k < end; k++) {
        const item = order[k] ?? 0;
        if (!isBefore(values, item, order[begin] ?? 0))
            continue;
        order[k] = order[begin] ?? 0;
        siftDown(order, values, begin, 0, size, item);
    }
}
/** Lets the hole at `start` sink to the bottom along the larger children, then `item` rise from there. */
function siftDown(order, values, begin, start, size, item) {
    let hole = start;
    let child = 2 * hole + 2;
    for (; child < size; child = 2 * hole + 2) {
        if (isBefore(values, order[begin + child] ?? 0, order[begin + child - 1] ?? 0))
            child--;
        order[begin + hole] = order[begin + child] ?? 0;
        hole = child;
    }
    if (child === size) {
        order[begin + hole] = order[begin + child - 1] ?? 0;
        hole = child - 1;
    }
    let parent = (hole - 1) >> 1;
    while (hole > start && isBefore(values, order[begin + parent] ?? 0, item)) {
        order[begin + hole] = order[begin + parent] ?? 0;
        hole = parent;
        parent = (hole - 1) >> 1;
    }
    order[begin + hole] = item;
}
function insertionSort(order, values, begin, end) {
    for (let k = begin + 1; k < end; k++) {
        const item = order[k] ?? 0;
        let place = k;
        for (; place > begin && isBefore(values, item, order[place - 1] ?? 0); place--) {
            order[place] = order[place - 1] ?? 0;
        }
        order[place] = item;
    }
}
