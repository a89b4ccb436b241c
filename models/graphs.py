"""Adjacency tensors (K=3, V, V) of a skeleton, built from its edges (child, parent).

`digraph` is the partition of 2s-AGCN and CTR-GCN (itself, inward, outward); `stgcn_spatial` that
of ST-GCN (root, centripetal, centrifugal). How a model contracts them is the model's affair:
CTR-GCN and MDR-GCN aggregate into the row, ST-GCN and 2s-AGCN into the column.
"""

from typing import Literal

import torch
from torch import Tensor

Edges = tuple[tuple[int, int], ...]
Graph = Literal["digraph", "stgcn_spatial"]
Distance = Literal["truncated", "true"]


def build_adjacency(
    graph: Graph, distance: Distance, edges: Edges, centre: int, num_joints: int
) -> Tensor:
    """The adjacency (3, V, V), float64, that the option `graph` names.

    `distance` matters to `stgcn_spatial` only. Raises ValueError on joints out of range.
    """
    if graph == "digraph":
        return digraph(edges, num_joints)
    return stgcn_spatial(edges, centre, num_joints, distance)


def digraph(edges: Edges, num_joints: int) -> Tensor:
    """Identity, inward and outward edges; the columns of the latter two sum to one (or zero)."""
    _check_joints(edges, num_joints)
    inward = torch.zeros(num_joints, num_joints, dtype=torch.float64)
    for child, parent in edges:
        inward[parent, child] = 1
    identity = torch.eye(num_joints, dtype=torch.float64)
    return torch.stack((identity, _column_normalized(inward), _column_normalized(inward.T)))


def stgcn_spatial(
    edges: Edges, centre: int, num_joints: int, distance: Distance = "truncated"
) -> Tensor:
    """ST-GCN's spatial partition of the column-normalised neighbourhood.

    The released ST-GCN measures distances up to one hop and calls everything farther infinite, so
    that both directions of a far edge count as centripetal (`truncated`); `true` counts all hops.
    """
    _check_joints(edges, num_joints)
    _check_joints(((centre, centre),), num_joints)
    hops = _hop_counts(edges, num_joints)
    neighbours = _column_normalized((hops <= 1).double())
    to_centre = hops[centre]
    if distance == "truncated":
        to_centre = torch.where(to_centre <= 1, to_centre, torch.inf)
    farther = to_centre[:, None] >= to_centre[None, :]
    return torch.stack(
        (
            neighbours * (hops == 0),
            neighbours * ((hops == 1) & farther),
            neighbours * ((hops == 1) & ~farther),
        )
    )


def _check_joints(edges: Edges, num_joints: int) -> None:
    wrong = [edge for edge in edges if not all(0 <= joint < num_joints for joint in edge)]
    if wrong:
        raise ValueError(f"joints must be in 0..{num_joints - 1}, got the edges {wrong}")


def _column_normalized(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(0).clamp_min(1)


def _hop_counts(edges: Edges, num_joints: int) -> Tensor:
    """Shortest path lengths (V, V) over undirected edges, infinite where there is no path."""
    hops = torch.full((num_joints, num_joints), torch.inf, dtype=torch.float64)
    hops.fill_diagonal_(0)
    for a, b in edges:
        if a != b:
            hops[a, b] = hops[b, a] = 1
    for middle in range(num_joints):
        hops = torch.minimum(hops, hops[:, middle, None] + hops[None, middle, :])
    return hops
