"""Names that a configuration gives, and that become file names."""

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
ColumnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""Names that become columns of a table."""
