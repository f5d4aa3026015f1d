// Boost.JSON's implementation: Debian's libboost1.81-dev has its headers alone.
#include <boost/json/src.hpp>
