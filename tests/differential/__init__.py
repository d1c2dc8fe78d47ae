# SPDX-License-Identifier: PostgreSQL
"""The differential tester: the same messages to PostgreSQL and through the proxy, the same bytes back."""
